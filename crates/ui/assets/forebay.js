// What pages do beside what they do without a script: executions are followed, tasks are dragged, filters are looked at
// while they are written, and nobody leaves what is not saved without being asked.
"use strict";

// Between two looks at what is changing, in milliseconds.
const PAUSE = 400;

async function pageOf(answer) {
  return new DOMParser().parseFromString(await answer.text(), "text/html");
}

// Says something in its place, with the look of a class.
function tell(place, look, text) {
  place.className = `said ${look}`;
  place.textContent = text;
}

// Shows what is fresh; what was scrolled aside stays so, and a link that has the focus keeps it.
function replace(place, fresh) {
  const scrolled = [...place.querySelectorAll(".wide")].map((wide) => [wide.scrollLeft, wide.scrollTop]);
  const open = document.activeElement;
  const link = open && place.contains(open) ? open.getAttribute("href") : null;
  const links = () => [...place.querySelectorAll("a")].filter((found) => found.getAttribute("href") === link);
  const number = links().indexOf(open);
  place.replaceChildren(...fresh.childNodes);
  place.querySelectorAll(".wide").forEach((wide, row) => {
    [wide.scrollLeft, wide.scrollTop] = scrolled[row] || [0, 0];
  });
  const again = number < 0 ? null : links()[number];
  if (again) again.focus({ preventScroll: true });
  place.querySelectorAll("[data-countdown]").forEach(countDown);
}

// Counts the seconds until something is ended by force. They are not read out: what is said once is when that is.
function countDown(place) {
  const end = performance.now() + Number(place.dataset.countdown);
  const said = document.getElementById("cancelling");
  const text = place.previousElementSibling.textContent;
  if (said.textContent !== text) said.textContent = text;

  function show() {
    const seconds = Math.max(0, Math.ceil((end - performance.now()) / 1000));
    place.textContent = `${seconds} s left`;
    if (seconds === 0 || !place.isConnected) clearInterval(counting);
  }

  const counting = setInterval(show, 1000);
  show();
}

// Follows an execution while it runs: at each piece of news the page is read again, and what changed is shown. A page
// that shows several follows one after the other.
function follow(place) {
  const address = place.dataset.follow;
  if (!address) return;
  const news = new EventSource(address);
  let reading = false;
  let again = false;

  async function show() {
    if (reading) {
      again = true;
      return;
    }
    reading = true;
    do {
      again = false;
      const answer = await fetch(location.href, { credentials: "same-origin" }).catch(() => null);
      if (answer && answer.ok && !answer.redirected) {
        const fresh = (await pageOf(answer)).getElementById("live");
        const open = document.activeElement;
        const next = fresh && fresh.dataset.follow;
        const ended = fresh && !next;
        // Whoever is about to press a button keeps it, as long as there is something to press it for.
        if (fresh && (ended || !(open && open.closest("#live form")))) replace(place, fresh);
        if (ended) {
          news.close();
          return;
        }
        if (next && next !== address) {
          news.close();
          place.dataset.follow = next;
          follow(place);
          return;
        }
      }
      await new Promise((done) => setTimeout(done, PAUSE));
    } while (again);
    reading = false;
  }

  news.addEventListener("execution", show);
  // The stream ends with the execution; a connection that breaks is made again by the browser.
  news.addEventListener("error", show);
}

// Asks a source how many rows its tables have. The page does not wait for it.
async function estimate(place) {
  place.textContent = "The source is asked how many rows it has.";
  const answer = await fetch(place.dataset.estimates, { credentials: "same-origin" }).catch(() => null);
  const found = answer?.ok && !answer.redirected ? await answer.json().catch(() => null) : null;
  for (const cell of document.querySelectorAll("[data-rows]")) {
    cell.textContent = found?.rows[cell.dataset.rows] ?? "—";
  }
  place.textContent = found?.said ?? "How many rows the source has is not known: the server does not answer.";
}

// Tasks are dragged by their handles. The one that is dragged stays where it is in the document, so that the pointer is not
// lost: the others change places around it. The place where it is let go of is sent as the buttons send theirs, and what
// is shown then is the order that the server answers with.
function drag(list) {
  const EDGE = 40;
  const STEP = 8;
  const said = document.getElementById("moved");
  let held = null;
  let sending = false;

  function offer() {
    for (const handle of list.querySelectorAll(".handle")) handle.hidden = false;
  }

  function makeWay() {
    const { item, height } = held;
    const middle = (other) => other.getBoundingClientRect().top + other.offsetHeight / 2;
    for (let next; (next = item.nextElementSibling) && height > middle(next); ) item.before(next);
    for (let previous; (previous = item.previousElementSibling) && height < middle(previous); ) item.after(previous);
  }

  function scroll() {
    if (!held) return;
    const isBelow = held.height > window.innerHeight - EDGE;
    if (isBelow || held.height < EDGE) {
      window.scrollBy(0, isBelow ? STEP : -STEP);
      makeWay();
    }
    requestAnimationFrame(scroll);
  }

  function end(isDropped) {
    const { item, before } = held;
    held = null;
    item.classList.remove("dragged");
    const place = [...list.children].indexOf(item);
    if (!isDropped) list.append(...before);
    else if (place !== before.indexOf(item)) send(item, place + 1, before);
  }

  async function send(item, place, before) {
    const form = item.querySelector("[data-move]");
    const body = new URLSearchParams(new FormData(form));
    body.set("to", place);
    sending = true;
    const answer = await fetch(form.action, { method: "POST", body, credentials: "same-origin" }).catch(() => null);
    const page = answer && (await pageOf(answer).catch(() => null));
    sending = false;
    const fresh = answer?.ok && page?.querySelector(".tasks");
    if (fresh) {
      replace(list, fresh);
      offer();
      const isMoved = (other) => other.querySelector("[data-move]")?.action === form.action;
      tell(said, "quiet", `${item.dataset.name} is number ${[...list.children].findIndex(isMoved) + 1} now.`);
      return;
    }
    list.append(...before);
    let why = "The server does not answer.";
    if (answer?.ok) why = "You are not signed in any more: sign in in another tab, and move it again.";
    else if (page) why = page.querySelector("main p")?.textContent ?? why;
    tell(said, "fault", `${item.dataset.name} was not moved. ${why}`);
  }

  list.addEventListener("pointerdown", (event) => {
    const handle = event.target.closest(".handle");
    if (!handle || held || sending || event.button !== 0 || !event.isPrimary) return;
    event.preventDefault();
    handle.setPointerCapture(event.pointerId);
    held = { item: handle.closest("li"), before: [...list.children], height: event.clientY };
    held.item.classList.add("dragged");
    tell(said, "", "");
    requestAnimationFrame(scroll);
  });
  list.addEventListener("pointermove", (event) => {
    if (!held || !event.isPrimary) return;
    held.height = event.clientY;
    makeWay();
  });
  list.addEventListener("pointerup", (event) => {
    if (held && event.isPrimary) end(true);
  });
  list.addEventListener("pointercancel", () => {
    if (held) end(false);
  });
  document.addEventListener("keydown", (event) => {
    if (held && event.key === "Escape") end(false);
  });
  offer();
}

// A filter is looked at when nothing was typed for a while, and when it is left. What is wrong is said at its field.
function check(field, address) {
  const said = document.getElementById(field.getAttribute("aria-describedby"));
  const looks = { RIGHT: "good", WRONG: "fault", UNKNOWN: "quiet" };
  let waiting = 0;
  let asking = null;
  // What was asked for last.
  let asked = null;

  function show({ verdict, text }) {
    if (verdict === "WRONG") field.setAttribute("aria-invalid", "true");
    else field.removeAttribute("aria-invalid");
    tell(said, looks[verdict] ?? "", text);
  }

  async function look() {
    clearTimeout(waiting);
    const condition = field.value;
    if (condition === asked) return;
    asked = condition;
    asking?.abort();
    if (condition.trim() === "") {
      show({ text: "" });
      return;
    }
    const own = (asking = new AbortController());
    const body = new URLSearchParams({ form: field.form.elements.form.value, condition });
    const options = { method: "POST", body, credentials: "same-origin", signal: own.signal };
    try {
      const answer = await fetch(address, options);
      const finding = answer.ok && !answer.redirected ? await answer.json() : null;
      if (own.signal.aborted) return;
      if (finding) {
        show(finding);
        return;
      }
    } catch {
      if (own.signal.aborted) return;
    }
    asked = null;
    show({ verdict: "UNKNOWN", text: "Not checked: the server does not answer, or you are not signed in any more." });
  }

  field.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(look, PAUSE);
  });
  field.addEventListener("blur", look);
}

// Whoever leaves what is not saved is asked by the browser first. A form that is sent takes along what is in it.
function keep(form) {
  let isSent = false;
  const differs = (field) => field.value !== field.defaultValue;
  document.addEventListener("submit", (event) => {
    isSent = event.target === form && !event.defaultPrevented;
  });
  window.addEventListener("beforeunload", (event) => {
    const isKept = form.dataset.saved === "true" && ![...form.querySelectorAll("[data-kept]")].some(differs);
    const asks = !isKept && !isSent;
    // A file that is downloaded leads nowhere.
    isSent = false;
    if (!asks) return;
    event.preventDefault();
    // What older browsers look at.
    event.returnValue = true;
  });
}

document.querySelectorAll("[data-follow]").forEach(follow);
document.querySelectorAll("[data-countdown]").forEach(countDown);
document.querySelectorAll("[data-estimates]").forEach(estimate);
document.querySelectorAll("[data-drag]").forEach(drag);
document.querySelectorAll("[data-saved]").forEach(keep);
for (const place of document.querySelectorAll("[data-check]")) {
  place.querySelectorAll("textarea").forEach((field) => check(field, place.dataset.check));
}
