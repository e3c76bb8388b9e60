// The traces as a table that can be narrowed and sorted.

import { el, fill } from "../../dom.js";
import { count, cut, nats, NONE, seconds } from "../../format.js";
import { say } from "../say.js";
import { classOf, dot } from "./classes.js";
import { tracesOf } from "./record.js";

const MEASURES = ["mean", "tail", "bottom10", "lowest_group"];
const STATES = { "": "all", complete: "complete", stopped: "stopped", failed: "failed", voted: "voted" };
const COLUMNS = [
  ["#", (trace) => trace.index, (trace) => trace.index],
  ["Answer", (trace) => trace.answer ?? "", null],
  ["State", (trace) => stateOf(trace), null],
  ["Voted", (trace) => Number(trace.voted ?? false), (trace) => (trace.voted ? "✓" : "")],
  ["Confidence", (trace, measure) => trace.confidence?.[measure] ?? -1, (trace, measure) => nats(trace.confidence?.[measure])],
  ["Tokens", (trace) => trace.tokens, (trace) => count(trace.tokens)],
  ["First token", (trace) => trace.first_token_s ?? Infinity, (trace) => seconds(trace.first_token_s)],
  ["Took", (trace) => trace.elapsed_s, (trace) => seconds(trace.elapsed_s)],
  ["Tries", (trace) => trace.attempts, (trace) => trace.attempts],
  ["Model", (trace) => trace.model, (trace) => cut(trace.model || NONE, 28)],
];
const NUMBERS = new Set(["#", "Confidence", "Tokens", "First token", "Took", "Tries"]);

export function stateOf(trace) {
  if (trace.finish_reason === "failed") return "failed";
  return trace.stop_reason ? `stopped: ${trace.stop_reason.replace("_", " ")}` : trace.finish_reason;
}

/** The panel; `select` is called with a trace's index. */
export function traceTable(select) {
  const sorting = { column: 0, down: false };
  let shown = null;
  let order = [];
  const filters = filterRow(draw);
  const body = el("tbody");
  const head = el("tr");
  const summed = el("span", { class: "faint small" });

  function draw() {
    if (!shown) return;
    const { record, classes, selected } = shown;
    const measure = filters.measure.value;
    filters.offer(classes);
    const all = tracesOf(record);
    const value = COLUMNS[sorting.column][1];
    const kept = all.filter((trace) => filters.keeps(trace, classes)).sort((one, other) => compare(value(one, measure), value(other, measure)));
    if (sorting.down) kept.reverse();
    order = kept.map((trace) => trace.index);
    fill(head, COLUMNS.map((column, place) => headCell(column, place)));
    fill(body, kept.map((trace) => row(trace, classes, measure, trace.index === selected)));
    summed.textContent = `${kept.length} of ${all.length}`;
  }

  function headCell([name], place) {
    const sorted = place === sorting.column ? (sorting.down ? "descending" : "ascending") : null;
    const press = () => {
      sorting.down = place === sorting.column ? !sorting.down : NUMBERS.has(name) && name !== "#";
      sorting.column = place;
      draw();
    };
    return el("th", { scope: "col", "aria-sort": sorted, class: NUMBERS.has(name) ? "number" : null }, el("button", { type: "button", onclick: press }, name));
  }

  function row(trace, classes, measure, chosen) {
    return el(
      "tr",
      { "aria-selected": String(chosen), dataset: { index: trace.index }, onclick: () => select(trace.index) },
      COLUMNS.map(([name, , text]) => el("td", { class: NUMBERS.has(name) ? "number" : null }, cell(name, trace, classes, text, measure))),
    );
  }

  function cell(name, trace, classes, text, measure) {
    if (name === "#") return el("button", { type: "button", class: "plain", "aria-label": `Read trace ${trace.index}`, onclick: () => select(trace.index) }, trace.index);
    if (name === "Answer") return answerCell(trace, classes);
    if (name === "State") return el("span", { class: moodOf(trace), title: trace.error }, stateOf(trace));
    return text(trace, measure);
  }

  const update = (record, classes, selected) => {
    shown = { record, classes, selected };
    draw();
  };
  const step = (by) => {
    const at = order.indexOf(shown?.selected);
    const next = order[at < 0 ? 0 : Math.min(order.length - 1, Math.max(0, at + by))];
    if (next === undefined) return;
    select(next);
    body.querySelector(`[data-index="${next}"]`)?.scrollIntoView({ block: "nearest" });
    say(`Trace ${next}`);
  };
  const node = el(
    "section",
    { class: "panel", "aria-label": "Traces" },
    el("header", {}, el("h2", {}, "Traces"), summed, el("span", { class: "grow" }), filters.node),
    el("div", { class: "scroll traces" }, el("table", {}, el("thead", {}, head), body)),
  );
  return { node, update, step, focusFilter: () => filters.text.focus(), only: (answer) => filters.only(answer) };
}

function answerCell(trace, classes) {
  const its = classOf(classes, trace.answer);
  return [dot(its?.colour ?? "--class-none"), " ", trace.answer === null ? el("span", { class: "faint" }, trace.error ? cut(trace.error, 48) : "none") : el("span", { title: trace.answer }, cut(trace.answer, 48))];
}

function moodOf(trace) {
  if (trace.finish_reason === "failed") return "bad-text";
  return trace.stop_reason ? "warn-text" : "";
}

const compare = (one, other) => (one < other ? -1 : Number(one > other));

function filterRow(draw) {
  const text = el("input", { type: "search", placeholder: "answer or state", "aria-label": "Filter by answer or state", size: 14, oninput: draw });
  const answer = el("select", { "aria-label": "Answer", onchange: draw });
  const state = el("select", { "aria-label": "State", onchange: draw }, Object.entries(STATES).map(([value, name]) => el("option", { value }, name)));
  const measure = el("select", { "aria-label": "Confidence measure", onchange: draw }, MEASURES.map((name) => el("option", { value: name }, name.replace("_", " "))));
  const least = el("input", { type: "number", min: 0, step: 0.5, placeholder: "min", "aria-label": "Least confidence", oninput: draw });
  let offered = "";
  const offer = (classes) => {
    const names = ["", ...classes.map((one) => one.answer)];
    if (JSON.stringify(names) === offered) return;
    offered = JSON.stringify(names);
    const before = answer.value;
    fill(answer, names.map((name) => el("option", { value: name }, name ? cut(name, 30) : "any answer")));
    answer.value = names.includes(before) ? before : "";
  };
  const keeps = (trace, classes) =>
    (!answer.value || classOf(classes, trace.answer)?.answer === answer.value) &&
    isIn(state.value, trace) &&
    (least.value === "" || (trace.confidence?.[measure.value] ?? -1) >= Number(least.value)) &&
    `${trace.answer ?? ""} ${stateOf(trace)}`.toLowerCase().includes(text.value.toLowerCase());
  const only = (name) => {
    answer.value = answer.value === name ? "" : name;
    draw();
  };
  return { node: el("div", { class: "row filters" }, text, answer, state, measure, least), text, measure, offer, keeps, only };
}

function isIn(state, trace) {
  if (state === "voted") return trace.voted === true;
  if (state === "complete") return !["failed", "stopped"].includes(trace.finish_reason);
  return !state || trace.finish_reason === state;
}
