// The API key: typed in by the user, kept for this tab only.

import { key, setKey } from "../api.js";
import { el, fill } from "../dom.js";

const dialog = document.getElementById("key");

/** Ask for the key; `done` is called when there is another. */
export function askForKey(done, fault) {
  if (dialog.open) return;
  const input = el("input", { type: "password", id: "key-text", autocomplete: "off", value: key() });
  const answer = (text) => {
    setKey(text.trim());
    dialog.close();
    showKeyState();
    done?.();
  };
  const form = el(
    "form",
    {
      onsubmit: (event) => {
        event.preventDefault();
        answer(input.value);
      },
    },
    el("h2", {}, "API key"),
    fault ? el("p", { class: "warn-text" }, fault.message) : null,
    el("label", { for: "key-text" }, "The key of this service. It stays in this tab and goes nowhere else."),
    input,
    el(
      "div",
      { class: "row" },
      el("button", { class: "primary" }, "Use it"),
      el("button", { type: "button", onclick: () => answer("") }, "Forget it"),
      el("button", { type: "button", class: "quiet", onclick: () => dialog.close() }, "Cancel"),
    ),
  );
  fill(dialog, form);
  dialog.showModal();
  input.focus();
}

/** Whether there is a key, on its button. */
export function showKeyState() {
  document.getElementById("key-button").textContent = key() ? "Key set" : "Key";
}
