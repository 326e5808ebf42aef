// Listening: a link to a sound plays it here, once more stops it; without this script the browser opens the file.
"use strict";
(() => {
  const player = new Audio();
  let playing = null;

  const settle = () => {
    if (!playing) return;
    playing.setAttribute("aria-pressed", "false");
    playing.querySelector(".mark").textContent = "▶";
    playing = null;
  };
  player.addEventListener("ended", settle);
  player.addEventListener("error", () => {
    if (playing) playing.classList.add("silent");
    settle();
  });

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-play]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    const again = link === playing;
    player.pause();
    settle();
    if (again) return;
    playing = link;
    link.classList.remove("silent");
    link.setAttribute("aria-pressed", "true");
    link.querySelector(".mark").textContent = "■";
    player.src = link.href;
    player.play().catch((fault) => {
      if (fault.name !== "AbortError" && playing === link) {
        link.classList.add("silent");
        settle();
      }
    });
  });

  // Links that act as buttons answer to the space bar, and say that they are pressed or not.
  const dress = (root) => {
    for (const link of root.querySelectorAll("a[data-play]")) {
      link.setAttribute("role", "button");
      link.setAttribute("aria-pressed", "false");
    }
  };
  dress(document);
  document.addEventListener("htmx:afterSwap", () => dress(document));
  document.addEventListener("keydown", (event) => {
    if (event.key === " " && event.target.matches("a[data-play]")) {
      event.preventDefault();
      event.target.click();
    }
  });
})();
