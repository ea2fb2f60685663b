// Follows an execution while it runs: at each piece of news the page is read again, and what changed is shown. A page
// that shows several follows one after the other.
"use strict";

const PAUSE = 400;

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
}

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
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        const fresh = page.getElementById("live");
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

document.querySelectorAll("[data-follow]").forEach(follow);
