// The keyboard: [data-key="g c"] or [data-key="k"] is clicked (a field: focused), `/` goes to [data-search], j and k
// move along [data-rows] > [data-row], Enter follows the row's link marked [data-open], else its first; ? shows what there is.
// A page's own script may say `event.preventDefault()` first, in the capture phase.
"use strict";
(() => {
  const writing = (element) =>
    element.isContentEditable ||
    element.tagName === "TEXTAREA" ||
    element.tagName === "SELECT" ||
    (element.tagName === "INPUT" && !["checkbox", "radio", "button", "submit", "range"].includes(element.type));
  const seen = (element) => element.getClientRects().length > 0 || element.closest(".menu");
  // Space is the browser's where it presses, ticks or opens something itself (WCAG 2.1.1).
  const pressed = (element) =>
    Boolean(element.closest("button, summary, a[href], input, option, label, audio, video, [role=button], [role=link]"));
  const SIGNS = { Space: "␣", ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓", Enter: "⏎" };

  // The key by its place where the keyboard writes Cyrillic: the letter that a Latin keyboard has there.
  const named = (event) => {
    const letter = /^Key([A-Z])$/.exec(event.code);
    if (letter && event.key.length === 1 && event.key.charCodeAt(0) > 127)
      return event.shiftKey ? letter[1] : letter[1].toLowerCase();
    if (event.code === "Slash" && (event.key === "." || event.key === ",")) return event.shiftKey ? "?" : "/";
    return event.key === " " ? "Space" : event.key;
  };

  let begun = "";
  let since = 0;

  const use = (element) => {
    if (/^(INPUT|SELECT|TEXTAREA)$/.test(element.tagName)) element.focus();
    else element.click();
  };

  const rows = () => [...document.querySelectorAll("[data-rows] [data-row]")].filter((row) => seen(row));
  const move = (by) => {
    const all = rows();
    if (!all.length) return;
    const at = all.indexOf(document.activeElement && document.activeElement.closest("[data-row]"));
    const next = all[Math.min(Math.max(at + by, 0), all.length - 1)];
    if (!next.hasAttribute("tabindex")) next.tabIndex = -1;
    next.focus();
    next.scrollIntoView({ block: "nearest" });
  };

  window.pressedBySpace = pressed;

  const help = document.getElementById("help");
  const showHelp = () => {
    const list = help.querySelector("[data-help-list]");
    list.replaceChildren();
    const add = (keys, name) => {
      const term = document.createElement("dt");
      for (const key of keys.split(" ")) {
        const shown = document.createElement("kbd");
        shown.textContent = SIGNS[key] ?? key;
        term.append(shown);
      }
      const told = document.createElement("dd");
      told.textContent = name;
      list.append(term, told);
    };
    if (document.querySelector("[data-search]")) add("/", list.dataset.helpSearch);
    if (document.querySelector("[data-rows]")) add("j k", list.dataset.helpRows);
    const known = new Set();
    for (const element of document.querySelectorAll("[data-key][data-key-name]")) {
      if (known.has(element.dataset.key)) continue;
      known.add(element.dataset.key);
      add(element.dataset.key, element.dataset.keyName);
    }
    help.showModal();
  };
  for (const button of document.querySelectorAll("[data-help-open]")) button.addEventListener("click", showHelp);

  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape" && writing(event.target)) {
      event.target.blur();
      return;
    }
    if (writing(event.target) || document.querySelector("dialog[open]")) return;
    const key = named(event);
    if (key === "Space" && pressed(event.target)) return;
    if (key === "?") {
      event.preventDefault();
      showHelp();
      return;
    }
    if (key === "/") {
      const search = document.querySelector("[data-search]");
      if (search) {
        event.preventDefault();
        search.focus();
        search.select && search.select();
      }
      return;
    }
    if (key === "Enter" && event.target.matches("[data-row]")) {
      const link = event.target.querySelector("[data-open]") || event.target.querySelector("a[href], button");
      if (link) {
        event.preventDefault();
        link.click();
      }
      return;
    }
    const now = Date.now();
    const wanted = begun && now - since < 1500 ? `${begun} ${key}` : key;
    const found = [...document.querySelectorAll(`[data-key="${CSS.escape(wanted)}"]`)].find(
      (element) => !element.disabled && seen(element),
    );
    if (found) {
      event.preventDefault();
      begun = "";
      use(found);
      return;
    }
    if ((key === "j" || key === "k") && document.querySelector("[data-rows]")) {
      event.preventDefault();
      move(key === "j" ? 1 : -1);
      return;
    }
    const longer = [...document.querySelectorAll("[data-key]")].some((e) => e.dataset.key.startsWith(`${key} `));
    begun = longer ? key : "";
    since = now;
  });
})();
