// When each call waited, began to speak, and ended: bars over the seconds of the job.

import { el, fill, svg } from "../../dom.js";
import { seconds } from "../../format.js";
import { colourOf } from "./classes.js";
import { stateOf } from "./table.js";

const ROW = 14;
const HEAD = 18;
const LEFT = 34;
const WIDTH = 1000;

/** The panel; `select` is called with a trace's index. */
export function timeline(select) {
  const place = el("div", { class: "scroll timeline" });
  const node = el(
    "section",
    { class: "panel", "aria-label": "Timeline" },
    el("header", {}, el("h2", {}, "Timeline"), el("span", { class: "faint small" }, "pale: queued · hatched: until the first token · full: writing, in the colour of the answer · ✕ stopped or failed · ↻ tried again")),
    place,
  );
  const update = (record, classes, selected) => fill(place, drawn(record, classes, selected, select));
  return { node, update };
}

function drawn(record, classes, selected, select) {
  const began = record.rounds.filter(Boolean).map((round) => round.at_s);
  const calls = [...record.traces.values()].filter((trace) => record.ends.has(trace.index)).map((trace) => timed(record, trace)).sort((a, b) => a.trace.index - b.trace.index);
  if (!calls.length || !began.length) return el("p", { class: "faint" }, "No call has ended yet.");
  const start = Math.min(...began);
  const span = Math.max(0.001, ...calls.map((call) => call.end - start));
  const x = (at) => LEFT + ((WIDTH - LEFT - 40) * Math.max(0, at - start)) / span;
  const height = ROW * calls.length + HEAD;
  return svg(
    "svg",
    { viewBox: `0 0 ${WIDTH} ${height}`, role: "group", "aria-label": `Calls over ${seconds(span)}` },
    svg("defs", {}, svg("pattern", { id: "wait", width: 4, height: 4, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" }, svg("line", { x1: 0, y1: 0, x2: 0, y2: 4, class: "hatch" }))),
    ticks(span, x, start, height),
    calls.map((call, row) => bars(call, row, x, classes, selected, select)),
  );
}

// A trace was asked of the model `elapsed_s` before its end; before that it waited for a worker.
function timed(record, trace) {
  const end = record.ends.get(trace.index);
  const asked = trace.attempts ? end - trace.elapsed_s : end;
  const queued = Math.min(asked, record.rounds[trace.round ?? 0]?.at_s ?? asked);
  const spoke = trace.first_token_s === null ? end : Math.min(end, asked + trace.first_token_s);
  return { trace, queued, asked, spoke, end };
}

function ticks(span, x, start, height) {
  const step = niceStep(span / 8);
  const found = Array.from({ length: Math.floor(span / step) + 1 }, (_, i) => i * step);
  return found.map((at) => [
    svg("line", { x1: x(start + at), x2: x(start + at), y1: HEAD, y2: height, class: "tick" }),
    svg("text", { x: x(start + at), y: HEAD - 5, "text-anchor": "middle" }, `${Number(at.toFixed(3))} s`),
  ]);
}

function niceStep(rough) {
  const power = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 5, 10].map((one) => one * power).find((one) => one >= rough);
}

function bars({ trace, queued, asked, spoke, end }, row, x, classes, selected, select) {
  const top = HEAD + row * ROW;
  const y = top + 2;
  const tall = ROW - 4;
  const bar = (from, to, attributes) => svg("rect", { x: x(from), y, width: Math.max(0.8, x(to) - x(from)), height: tall, ...attributes });
  const cutOff = ["failed", "stopped"].includes(trace.finish_reason);
  const sign = `${cutOff ? "✕" : ""}${trace.attempts > 1 ? ` ↻${trace.attempts - 1}` : ""}${trace.judge ? " judge" : ""}`;
  const said = `Trace ${trace.index}: queued ${seconds(asked - queued)}, first token after ${seconds(trace.first_token_s)}, ${seconds(trace.elapsed_s)} in all, ${trace.attempts} tries, ${stateOf(trace)}`;
  const press = (event) => (event.type === "click" || ["Enter", " "].includes(event.key)) && select(trace.index);
  return svg(
    "g",
    { class: `call${trace.index === selected ? " chosen" : ""}`, tabindex: 0, role: "button", "aria-label": said, onclick: press, onkeydown: press },
    svg("title", {}, said),
    svg("rect", { x: 0, y: top, width: WIDTH, height: ROW, class: "back" }),
    svg("text", { x: LEFT - 6, y: y + tall - 1, "text-anchor": "end" }, trace.index),
    bar(queued, asked, { class: "queued" }),
    bar(asked, spoke, { class: "waiting", fill: "url(#wait)" }),
    spoke < end ? bar(spoke, end, { style: { fill: `var(${colourOf(classes, trace.answer)})` } }) : null,
    sign ? svg("text", { x: x(end) + 4, y: y + tall - 1, class: "sign" }, sign) : null,
  );
}
