// What went wrong, as the service said it.

import { el } from "../dom.js";

/** An error for the page: its message, and what helps to look for it. */
export function faultBox(error, retry) {
  const facts = [
    error.status ? `HTTP ${error.status}` : null,
    error.code ?? error.type,
    error.param ? `parameter ${error.param}` : null,
    error.requestId ? `request ${error.requestId}` : null,
  ].filter(Boolean);
  return el(
    "div",
    { class: "fault", role: "alert" },
    el("p", {}, error.message),
    facts.length ? el("p", { class: "faint" }, facts.join(" · ")) : null,
    retry ? el("button", { type: "button", onclick: retry }, "Try again") : null,
  );
}
