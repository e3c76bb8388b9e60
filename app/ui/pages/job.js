// A job.

import { el, fill } from "../dom.js";

export async function show(root, { id }) {
  fill(root, el("h1", {}, `Job ${id}`));
  return () => {};
}
