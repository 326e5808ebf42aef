// A part of a recording on a page about something else: it plays from its beginning to its end, and from a word.
"use strict";
(() => {
  for (const place of document.querySelectorAll("[data-hearing]")) {
    const sound = place.querySelector("[data-sound]");
    if (!sound) continue;
    const from = Number(sound.dataset.from || 0);
    const until = sound.dataset.until ? Number(sound.dataset.until) : Infinity;
    let to = until;
    const play = (at, end) => {
      to = end;
      sound.currentTime = at;
      sound.play();
    };
    place.querySelector("[data-play]")?.addEventListener("click", () => {
      if (!sound.paused) sound.pause();
      else if (sound.currentTime > from && sound.currentTime < until) {
        to = until;
        sound.play();
      } else play(from, until);
    });
    sound.addEventListener("timeupdate", () => {
      if (sound.currentTime >= to && !sound.paused) sound.pause();
    });
    for (const word of document.querySelectorAll("[data-at]")) {
      word.addEventListener("click", () => play(Math.max(Number(word.dataset.at) - 0.2, 0), until));
    }
  }
})();
