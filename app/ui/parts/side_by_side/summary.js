// What came out of two jobs, and what it took.

import { el } from "../../dom.js";
import { NONE, count, cut, nats, percent, seconds, usd } from "../../format.js";
import { rankedOf } from "../job/classes.js";

const metadataOf = (job) => job.result?.choices[0].tts_metadata ?? {};

// Each row: its name, how it is shown, its value, and whether less of it is better (null: neither).
const ROWS = [
  ["State", String, (job) => job.status, null],
  ["Answer", (text) => cut(text, 120), (job) => job.progress.leader, null],
  ["Agreement", percent, (job) => job.progress.agreement, false],
  ["Share of the weight", percent, (job) => metadataOf(job).consensus, false],
  ["Confidence", nats, (job) => metadataOf(job).confidence, false],
  ["Traces", count, (job) => metadataOf(job).num_traces ?? job.progress.traces.planned, null],
  ["Voted", count, (job) => metadataOf(job).traces_used, null],
  ["Stopped early", count, (job) => job.progress.traces.stopped, null],
  ["Failed", count, (job) => job.progress.traces.failed, true],
  ["Tokens", count, (job) => job.usage?.total_tokens ?? job.progress.tokens, true],
  ["Tokens saved", count, (job) => metadataOf(job).tokens?.saved, null],
  ["Cost", usd, (job) => job.usage?.cost, true],
  ["Time", seconds, (job) => metadataOf(job).elapsed_s, true],
  ["Ended by", String, (job) => metadataOf(job).stopped_by, null],
];

/** The table of both; the better of two numbers is marked where one can be better. */
export function summaryTable(both) {
  const jobs = both.map(({ job }) => job);
  return el(
    "div",
    { class: "scroll" },
    el(
      "table",
      { class: "pairs" },
      el("thead", {}, el("tr", {}, ["", "A", "B", "B against A"].map((name) => el("th", { scope: "col" }, name)))),
      el("tbody", {}, ROWS.map((row) => pair(row, jobs))),
    ),
  );
}

function pair([name, shown, value, lessIsBetter], jobs) {
  const values = jobs.map(value);
  const text = values.map((one) => (one === null || one === undefined ? NONE : shown(one)));
  return el(
    "tr",
    { class: text[0] === text[1] ? null : "differs" },
    el("th", { scope: "row" }, name),
    text.map((one) => el("td", {}, one)),
    el("td", { class: gainOf(values, lessIsBetter) }, difference(values, name)),
  );
}

function difference([a, b], name) {
  if (typeof a !== "number" || typeof b !== "number") return "";
  if (a === b) return "same";
  if (["Agreement", "Share of the weight"].includes(name)) return `${b > a ? "+" : "−"}${Math.round(Math.abs(b - a) * 100)} points`;
  return a === 0 ? "" : `${b > a ? "+" : "−"}${Math.round((Math.abs(b - a) / Math.abs(a)) * 100)} %`;
}

function gainOf([a, b], lessIsBetter) {
  if (lessIsBetter === null || typeof a !== "number" || typeof b !== "number" || a === b) return "faint";
  return b < a === lessIsBetter ? "good-text" : "bad-text";
}

/** Per answer the votes of both jobs; answers that only one of them has stand there too. */
export function voteBars(both) {
  const answers = matched(both.map(({ job }) => rankedOf(metadataOf(job).answer_distribution ?? {})));
  answers.sort((one, other) => most(other) - most(one));
  if (!answers.length) return el("p", { class: "faint" }, "Nobody has voted.");
  return answers.map((sides) => {
    const { answer } = sides.find(Boolean);
    return el(
      "div",
      { class: "two-bars" },
      el("span", { class: "mono leader-answer", title: cut(answer, 400) }, cut(answer, 60)),
      el("div", {}, sides.map(voteBar)),
    );
  });
}

const most = (sides) => Math.max(...sides.map((one) => one?.share ?? 0));

// One job's leader may be spelt 42 and the other's 42.0.
function matched([ours, theirs]) {
  const left = [...theirs];
  const pairs = ours.map((one) => {
    const at = left.findIndex((other) => alike(one, other));
    return [one, at < 0 ? undefined : left.splice(at, 1)[0]];
  });
  return [...pairs, ...left.map((other) => [undefined, other])];
}

const alike = (one, other) =>
  one.spellings.some((text) => other.spellings.includes(text)) || Number(one.answer) === Number(other.answer);

function voteBar(of, side) {
  const share = of?.share ?? 0;
  const bar = el("i", { class: `fill-${side}`, style: { width: `${(share * 100).toFixed(1)}%` } });
  const words = of ? `${count(of.votes)} · ${percent(share)}` : NONE;
  return el("div", { class: "two-bar" }, el("span", { class: "leader-bar" }, bar), el("span", { class: "small" }, words));
}
