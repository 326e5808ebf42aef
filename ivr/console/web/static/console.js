// What every page has: the menu on a phone, the switch of colours, the CSRF token of requests that scripts make.
"use strict";
(() => {
  const root = document.documentElement;
  const token = document.querySelector('meta[name="csrf"]').content;

  document.addEventListener("htmx:configRequest", (event) => {
    event.detail.headers["X-CSRF-Token"] = token;
  });

  // `send("/path", form or object)`: a POST as our pages make it.  Returns the response.
  window.send = (url, body) =>
    fetch(url, {
      method: "POST",
      headers: { "X-CSRF-Token": token },
      body: body instanceof FormData ? body : new URLSearchParams(body || {}),
    });

  // Tells people with a screen reader, without moving them.
  window.tell = (text) => {
    document.getElementById("said").textContent = text;
  };

  for (const button of document.querySelectorAll("[data-theme-switch]")) {
    button.addEventListener("click", () => {
      const dark = root.dataset.theme
        ? root.dataset.theme === "dark"
        : matchMedia("(prefers-color-scheme: dark)").matches;
      root.dataset.theme = dark ? "light" : "dark";
      localStorage.setItem("theme", root.dataset.theme);
      document.dispatchEvent(new CustomEvent("theme"));
    });
  }

  // Another language is of the same moment: what stands behind # never reaches the server by itself.
  for (const form of document.querySelectorAll("form.languages")) {
    form.addEventListener("submit", () => {
      form.elements.next.value = form.elements.next.value.split("#")[0] + location.hash;
    });
  }

  const menu = document.querySelector("[data-menu]");
  if (menu) {
    menu.addEventListener("click", () => {
      const open = menu.getAttribute("aria-expanded") !== "true";
      menu.setAttribute("aria-expanded", String(open));
      document.getElementById("menu").classList.toggle("open", open);
    });
  }

  // A menu that is left closes.
  document.addEventListener("click", (event) => {
    for (const open of document.querySelectorAll("details.who[open]")) if (!open.contains(event.target)) open.open = false;
  });

  // Who sends a form twice means it once.
  document.addEventListener("submit", (event) => {
    if (event.defaultPrevented || event.target.method !== "post") return;
    if (event.target.dataset.sent) {
      event.preventDefault();
      return;
    }
    event.target.dataset.sent = "yes";
  });
  addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
  });
})();
