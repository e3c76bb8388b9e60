// An address that leads nowhere.

import { el, fill } from "../dom.js";

export function show(root) {
  fill(root, el("h1", {}, "There is nothing here"), el("p", {}, el("a", { href: "#/jobs" }, "All jobs")));
  return () => {};
}
