// Forms about requests: what a choice makes needless is put away (the server judges without it all the same), what is
// in the way comes into view, nothing that was typed is lost by leaving, and a letter is printed.
"use strict";
(() => {
  for (const form of document.querySelectorAll("form.act")) {
    const value = (name) => {
      const field = form.elements[name];
      return field ? field.value : "";
    };
    const holds = (rule) => {
      const [name, wanted] = rule.split("=");
      return value(name) === wanted;
    };
    const settle = () => {
      for (const part of form.querySelectorAll("[data-when]")) part.hidden = !holds(part.dataset.when);
      for (const part of form.querySelectorAll("[data-unless]")) part.hidden = holds(part.dataset.unless);
    };
    form.addEventListener("change", settle);
    settle();
    const other = form.elements.responsible;
    const to = form.elements.to;
    if (to && other) {
      const show = () => {
        other.closest(".field").hidden = to.value !== "";
      };
      to.addEventListener("change", show);
      show();
    }
    let touched = Boolean(form.querySelector("[data-errors]"));
    form.addEventListener("input", () => {
      touched = true;
    });
    form.addEventListener("submit", () => {
      touched = false;
    });
    addEventListener("beforeunload", (event) => {
      if (touched) event.preventDefault();
    });
  }
  document.querySelector("[data-errors]")?.focus();
  document.querySelector("[data-print]")?.addEventListener("click", () => print());
})();
