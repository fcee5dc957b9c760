// Keeps the overview up to date: fetches the page again, and replaces the part that shows the state.
"use strict";

(() => {
  const SECONDS = 5;
  const live = document.getElementById("live");
  const lost = document.getElementById("lost");
  const pause = document.getElementById("pause");
  let paused = false;

  // Nothing changes while an operator uses the page: while a text is selected, or a button has the focus.
  const inUse = () => !window.getSelection().isCollapsed || live.contains(document.activeElement);

  const show = (text) => {
    if (lost.textContent !== text) {
      lost.textContent = text;
      lost.hidden = text === "";
    }
    live.classList.toggle("stale", text !== "");
  };

  const refresh = async () => {
    const response = await fetch(location.pathname, { redirect: "error", signal: AbortSignal.timeout(SECONDS * 2000) });
    if (response.status === 401) {
      show("The session has ended: reload the page to log in.");
      return false;
    }
    if (!response.ok) {
      throw new Error(`status ${response.status}`);
    }
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    const fresh = page.getElementById("live");
    if (!paused && !inUse()) {
      live.replaceChildren(...fresh.childNodes);
      document.title = page.title;
    }
    show("");
    return true;
  };

  const again = async () => {
    let going = true;
    if (!paused && !document.hidden && !inUse()) {
      try {
        going = await refresh();
      } catch {
        show("The service does not answer: this is its last known state.");
      }
    }
    if (going) {
      setTimeout(again, SECONDS * 1000);
    }
  };

  pause.hidden = false;
  pause.addEventListener("click", () => {
    paused = !paused;
    pause.setAttribute("aria-pressed", String(paused));
    pause.textContent = paused ? "Paused" : "Pause";
  });
  setTimeout(again, SECONDS * 1000);
})();
