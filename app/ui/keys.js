// The keyboard: what each key does is said where it is bound, and `?` shows all that is bound now.

import { el, fill } from "./dom.js";

const bound = [];
const LEADS_MS = 900;
let led = "";
let ledAt = 0;

/** Bind keys: {"j": ["Next row", f], "g p": ["Playground", g]}. Returns what unbinds them. */
export function bind(map) {
  const entry = Object.entries(map).map(([keys, [does, act]]) => ({ keys, does, act }));
  bound.push(entry);
  return () => bound.splice(bound.indexOf(entry), 1);
}

/** The latest binding of a key wins. */
const found = (keys) => bound.flat().findLast((one) => one.keys === keys);

const leads = (key) => bound.flat().some((one) => one.keys.startsWith(`${key} `));

function typing(target) {
  return target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName);
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && typing(event.target)) return event.target.blur();
  if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
  if (document.querySelector("dialog[open]")) return;
  const first = led && performance.now() - ledAt < LEADS_MS ? led : "";
  const one = (first && found(`${first} ${event.key}`)) || found(event.key);
  led = "";
  if (one) {
    event.preventDefault();
    one.act(event);
  } else if (leads(event.key)) {
    led = event.key;
    ledAt = performance.now();
  }
});

/** Show all that is bound. */
export function help() {
  const dialog = document.getElementById("keys");
  const rows = new Map(bound.flat().map((one) => [one.keys, one.does]));
  const shown = [...rows].map(([keys, does]) => [
    el("dt", {}, keys.split(" ").map((key) => el("kbd", {}, key))),
    el("dd", {}, does),
  ]);
  fill(dialog, el("h2", {}, "Keyboard"), el("dl", {}, shown), closing(dialog));
  dialog.showModal();
}

const closing = (dialog) => el("button", { type: "button", onclick: () => dialog.close() }, "Close");
