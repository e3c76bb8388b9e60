// A job for elsewhere: JSON lines, or one HTML file that needs nothing else.

import { el } from "../dom.js";

/** Buttons that hand a job out; `read` fetches {job, traces}. */
export function exportButtons(read) {
  return el("div", { class: "row", dataset: { read: typeof read } });
}
