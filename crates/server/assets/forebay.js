// Follows an execution while it runs: at each piece of news the page is read again, and what changed is shown.
"use strict";

const PAUSE = 400;

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
        const ended = fresh && !fresh.dataset.follow;
        // Whoever is about to press a button keeps it, as long as there is something to press it for.
        if (fresh && (ended || !(open && open.closest("#live form")))) place.replaceChildren(...fresh.childNodes);
        if (ended) {
          news.close();
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
