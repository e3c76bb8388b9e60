// Jobs.

import { el, fill } from "../dom.js";

export async function show(root) {
  fill(root, el("h1", {}, "Jobs"));
  return () => {};
}
