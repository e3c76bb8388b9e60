// What one trace said, its tokens coloured by confidence, with what else the model had thought of.

import { el, fill } from "../../dom.js";
import { count, cut, nats, seconds } from "../../format.js";
import { faultBox } from "../fault.js";
import { stateOf } from "./table.js";

const SHADES = 8;
const MOST = 4000;

/** The panel; `load` fetches a trace with its log-probabilities. */
export function tokenMap(load) {
  let turn = 0;
  const title = el("h2", {}, "Tokens");
  const about = el("span", { class: "faint small" });
  const place = el("div", {}, el("p", { class: "faint" }, "Choose a trace to read it."));
  const node = el("section", { class: "panel tokens", "aria-label": "Tokens of a trace" }, el("header", {}, title, about, el("span", { class: "grow" }), scale()), place);

  async function show(index) {
    const mine = (turn += 1);
    title.textContent = `Trace ${index}`;
    try {
      const trace = await load(index);
      if (mine !== turn) return;
      about.textContent = trace ? `${stateOf(trace)} · ${count(trace.tokens)} tokens · ${seconds(trace.elapsed_s)}` : "";
      fill(place, trace ? content(trace) : el("p", { class: "faint" }, "This trace has not ended yet."));
    } catch (error) {
      if (error.name !== "AbortError" && mine === turn) fill(place, faultBox(error));
    }
  }
  return { node, show };
}

const scale = () =>
  el("span", { class: "row small faint" }, "sure", Array.from({ length: SHADES }, (_, shade) => el("i", { class: `swatch heat-${shade}` })), "unsure");

function content(trace) {
  const entries = trace.logprobs?.content ?? [];
  const reasoning = trace.reasoning ? el("details", {}, el("summary", {}, "Reasoning"), el("pre", { class: "faint" }, trace.reasoning)) : null;
  const calls = trace.tool_calls ? el("pre", {}, JSON.stringify(trace.tool_calls, null, 2)) : null;
  const error = trace.error ? el("p", { class: "bad-text" }, trace.error) : null;
  if (entries.length) return [error, heatMap(entries, trace.token_confidences), calls];
  const hint = el("p", { class: "faint small" }, "Single tokens were not kept; send “logprobs”: true, “top_logprobs”: 5 to have them here.");
  return [error, reasoning, trace.text ? el("pre", { class: "said" }, trace.text) : null, calls, hint];
}

function heatMap(entries, kept) {
  const values = kept?.length === entries.length ? kept : entries.map(ownConfidence);
  const sorted = values.filter((value) => value !== null).sort((a, b) => a - b);
  const [low, high] = [0.01, 0.6].map((share) => sorted[Math.floor(share * (sorted.length - 1))]);
  const told = el("div", { class: "token-told", "aria-live": "polite" }, el("span", { class: "faint" }, "Point at a token, or use the arrow keys."));
  const shade = (value) => (value === null || value === undefined ? null : Math.max(0, Math.min(SHADES - 1, Math.floor(SHADES * (1 - (value - low) / (high - low || 1))))));
  const spans = entries.slice(0, MOST).map(({ token }, i) =>
    el("span", { class: shade(values[i]) === null ? null : `heat-${shade(values[i])}`, dataset: { i } }, token),
  );
  const map = el("pre", { class: "heat", tabindex: 0, role: "application", "aria-label": "Tokens; the arrow keys go from one to the next" }, spans);
  let at = -1;
  const go = (i) => {
    if (!spans[i]) return;
    spans[at]?.classList.remove("here");
    spans[i].classList.add("here");
    at = i;
    fill(told, alternatives(entries[i], values[i], i));
  };
  map.addEventListener("mouseover", (event) => event.target.dataset?.i && go(Number(event.target.dataset.i)));
  map.addEventListener("click", (event) => event.target.dataset?.i && go(Number(event.target.dataset.i)));
  map.addEventListener("focus", () => at < 0 && go(0));
  map.addEventListener("keydown", (event) => {
    const by = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 10, ArrowUp: -10 }[event.key];
    if (!by) return;
    event.preventDefault();
    go(Math.max(0, Math.min(spans.length - 1, at + by)));
    spans[at].scrollIntoView({ block: "nearest" });
  });
  const more = entries.length > MOST ? el("p", { class: "faint" }, `The first ${count(MOST)} of ${count(entries.length)} tokens.`) : null;
  return [map, told, more];
}

// Of the alternatives that are told, when the exact value was not kept.
function ownConfidence({ top_logprobs: top }) {
  const real = (top ?? []).map((one) => one.logprob).filter((value) => value > -1000);
  return real.length > 1 ? -real.reduce((sum, value) => sum + value, 0) / real.length : null;
}

function alternatives(entry, confidence, i) {
  const rows = (entry.top_logprobs ?? []).map((one) => {
    const share = Math.exp(one.logprob);
    return el(
      "li",
      { class: one.token === entry.token ? "taken" : null },
      el("code", {}, visible(one.token)),
      el("span", { class: "vote-bar" }, el("i", { style: { width: `${100 * share}%` } })),
      el("span", { class: "right" }, share < 0.0005 ? "< 0.1 %" : `${(100 * share).toFixed(1)} %`),
    );
  });
  const about = [`token ${i}`, `confidence ${nats(confidence)}`, `logprob ${nats(entry.logprob)}`].join(" · ");
  return [el("p", {}, el("code", { class: "big" }, visible(entry.token)), " ", el("span", { class: "faint" }, about)), rows.length ? el("ol", { class: "alternatives" }, rows) : null];
}

const visible = (token) => cut(token.replaceAll(" ", "␣").replaceAll("\n", "⏎").replaceAll("\t", "⇥") || "∅", 40);
