// What the request would ask for, before anything is paid.

import { post } from "../../api.js";
import { el, fill } from "../../dom.js";
import { count, short, usd } from "../../format.js";
import { faultBox } from "../fault.js";

const SETTLED_MS = 300;

/** A box with the estimate of the latest request; `show(body)` renews it soon. */
export function estimateBox() {
  const inside = el("div", {}, el("p", { class: "faint" }, "…"));
  let timer = null;
  let asking = new AbortController();

  async function ask(body) {
    asking = new AbortController();
    try {
      fill(inside, facts(await post("/v1/estimate", body, { signal: asking.signal })));
    } catch (error) {
      if (error.name !== "AbortError") fill(inside, faultBox(error));
    }
  }

  function stop() {
    clearTimeout(timer);
    asking.abort();
  }

  function show(body) {
    stop();
    timer = setTimeout(() => ask(body), SETTLED_MS);
  }

  const node = el("section", { class: "panel", "aria-label": "Estimate" }, el("header", {}, el("h2", {}, "Estimate")), inside);
  return { node, show, stop };
}

function facts(found) {
  const shown = [
    ["Calls", between(found.calls)],
    ["Rounds", between(found.rounds)],
    ["Completion tokens", upTo(found.completion_tokens.at_most, short)],
    ["Cost", found.price ? upTo(found.price.at_most, usd) : unknown(found)],
  ];
  return [
    el("dl", { class: "facts" }, shown.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value)))),
    lacking(found.capabilities),
    found.warnings.map((warning) => el("p", { class: "warn-text small" }, warning)),
  ];
}

function between({ at_least, at_most }) {
  if (at_most === null) return `${count(at_least)} or more`;
  return at_least === at_most ? count(at_most) : `${count(at_least)} – ${count(at_most)}`;
}

const upTo = (value, shown) => (value === null || value === undefined ? "no bound" : `≤ ${shown(value)}`);

const unknown = (found) => el("small", { title: found.unknown.price }, "not known");

function lacking(capabilities) {
  const missing = Object.keys(capabilities ?? {}).filter((name) => capabilities[name] === false);
  if (!missing.length) return null;
  return el("p", { class: "bad-text small" }, `The model is known not to give: ${missing.join(", ")}.`);
}
