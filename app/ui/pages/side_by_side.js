// Two jobs side by side.

import { el, fill } from "../dom.js";

export async function show(root) {
  fill(root, el("h1", {}, "Two jobs side by side"));
  return () => {};
}
