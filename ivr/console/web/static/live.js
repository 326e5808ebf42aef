// The board of calls in progress: its table is asked for every two seconds, and only what changed is changed, so that
// focus, selection and scrolling stay where they are.  A hidden tab asks nothing.
"use strict";
(() => {
  const EVERY = 2000;
  const PATIENCE = 6000; // without an answer, until what is shown is called old
  const board = document.querySelector("[data-board]");
  const stale = document.querySelector("[data-stale]");
  let asked = 0;
  let answered = Date.now();
  let at = board.querySelector("[data-at]").dataset.at;

  const cellsOf = (root) => new Map([...root.querySelectorAll("[data-cell]")].map((cell) => [cell.dataset.cell, cell]));

  const same = (here, fresh) => {
    const now = cellsOf(here);
    for (const [name, cell] of cellsOf(fresh)) {
      if (now.get(name).innerHTML !== cell.innerHTML) now.get(name).innerHTML = cell.innerHTML;
    }
    here.className = fresh.className;
  };

  const show = (text) => {
    const fresh = new DOMParser().parseFromString(text, "text/html");
    const next = fresh.querySelector("[data-board-now]");
    if (!next) throw new Error("no board"); // signed out, say
    const body = board.querySelector("[data-rows]");
    const active = document.activeElement;
    const held = active && active.closest("[data-row]");
    const here = new Map([...body.children].map((row) => [row.dataset.call, row]));
    const rows = [...next.querySelectorAll("[data-row]")];
    let place = body.firstElementChild;
    for (const row of rows) {
      const known = here.get(row.dataset.call);
      here.delete(row.dataset.call);
      if (known) same(known, row);
      const one = known || document.importNode(row, true);
      if (one === place) place = place.nextElementSibling;
      else body.insertBefore(one, place);
    }
    for (const row of here.values()) row.remove();
    for (const name of ["count", "at"]) {
      board.querySelector(`[data-cell="${name}"]`).textContent = next.querySelector(`[data-cell="${name}"]`).textContent;
    }
    board.querySelector("table").hidden = rows.length === 0;
    board.querySelector("[data-none]").hidden = rows.length > 0;
    if (held && held.isConnected && !document.activeElement.closest("[data-row]")) {
      (active.isConnected ? active : held).focus({ preventScroll: true });
    }
    at = next.dataset.at;
  };

  const look = async () => {
    if (document.hidden || asked) return;
    asked = setTimeout(() => (asked = 0), PATIENCE);
    try {
      const answer = await fetch(board.dataset.board, { headers: { "HX-Request": "true" } });
      if (answer.status === 401) location.reload();
      if (!answer.ok) throw new Error(String(answer.status));
      show(await answer.text());
      answered = Date.now();
    } catch {
      // what is shown grows old, and that is said
    }
    clearTimeout(asked);
    asked = 0;
    tellAge();
  };

  const tellAge = () => {
    const old = Date.now() - answered > PATIENCE;
    if (old && stale.hidden) stale.textContent = stale.dataset.says.replace("{at}", at);
    stale.hidden = !old;
  };

  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) look();
  });
  setInterval(look, EVERY);
  setInterval(() => document.hidden || tellAge(), 1000);
})();
