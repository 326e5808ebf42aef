// The search for calls: empty fields stay out of the address, so that it can be read and sent.
"use strict";
(() => {
  const form = document.querySelector("[data-search-form]");
  if (!form) return;
  form.addEventListener("formdata", (event) => {
    for (const name of new Set(event.formData.keys())) {
      const values = event.formData.getAll(name).filter((value) => value !== "");
      event.formData.delete(name);
      for (const value of values) event.formData.append(name, value);
    }
  });
})();
