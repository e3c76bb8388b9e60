// What a job is and how it stands, in one line of facts.

import { el, fill } from "../../dom.js";
import { count, cut, moment, NONE, percent, seconds, usd } from "../../format.js";
import { faultBox } from "../fault.js";
import { isOver, metadataOf, tracesOf } from "./record.js";

const MOODS = { completed: "good", failed: "bad", cancelled: "warn" };

/** The head of the page; `buttons` are at its right. */
export function summary(buttons) {
  const head = el("div", { class: "stack" });
  const update = (record) => fill(head, titled(record, buttons), asked(record.job), faults(record.job), facts(record), warnings(record.job));
  return { node: el("section", { class: "panel", "aria-label": "The job" }, head), update };
}

function titled({ job, id }, buttons) {
  const mood = isOver(job) ? (MOODS[job.status] ?? "") : "live";
  const name = [job.strategy, job.mode].filter(Boolean).join(" ");
  return el(
    "div",
    { class: "row" },
    el("h1", { title: id }, `Job ${id.slice(0, 8)}`),
    el("span", { class: `chip ${mood}` }, job.status.replace("_", " ")),
    el("span", { class: "chip" }, name),
    el("span", { class: "faint" }, `${job.model} · ${moment(job.created_at)}`),
    job.extends ? el("a", { href: `#/jobs/${job.extends}` }, "the job before it") : null,
    el("span", { class: "grow" }),
    buttons(job),
  );
}

// The conversation; parts that are no text (images) as they were sent.
function asked(job) {
  const said = (content) => (typeof content === "string" ? content : cut(JSON.stringify(content), 4000));
  const messages = (job.request?.messages ?? []).map(({ role, content }) =>
    el("p", {}, el("span", { class: "faint" }, `${role}: `), said(content ?? "")),
  );
  return messages.length ? el("div", { class: "asked", "aria-label": "What was asked" }, messages) : null;
}

function facts(record) {
  const { job } = record;
  const told = metadataOf(job);
  const traces = job.progress.traces;
  const tokens = tracesOf(record).reduce((sum, trace) => sum + trace.tokens, 0);
  const rows = [
    ["Answer", cut(told?.answer ?? job.progress.leader ?? NONE, 60)],
    ["Agreement", percent(told?.agreement ?? job.progress.agreement)],
    ["Confidence", told?.confidence ? told.confidence.toFixed(2) : NONE, told?.confidence ? "nats" : ""],
    ["Traces", `${traces.done}/${traces.planned}`, [traces.stopped && `${traces.stopped} stopped`, traces.failed && `${traces.failed} failed`, traces.running && `${traces.running} running`].filter(Boolean).join(", ")],
    ["Rounds", count(job.progress.rounds)],
    ["Tokens", count(job.usage?.completion_tokens ?? (job.progress.tokens || tokens)), told?.tokens.saved ? `${count(told.tokens.saved)} saved (estimate)` : ""],
    ["Prompt", count(job.usage?.prompt_tokens), job.usage ? "tokens" : ""],
    ["Cost", usd(job.usage?.cost)],
    ["Took", told ? seconds(told.elapsed_s) : job.progress.eta_s ? `${seconds(job.progress.eta_s)} left` : NONE],
    ["Ended by", told ? told.stopped_by.replace("_", " ") : NONE],
  ];
  return el(
    "dl",
    { class: "facts" },
    rows.map(([name, value, more]) => el("div", {}, el("dt", {}, name), el("dd", {}, value, more ? el("small", {}, ` ${more}`) : null))),
  );
}

const faults = (job) => (job.error ? faultBox(job.error) : null);

function warnings(job) {
  const said = metadataOf(job)?.warnings ?? [];
  return said.length ? el("ul", { class: "warnings warn-text small" }, said.map((one) => el("li", {}, one))) : null;
}
