// The table of jobs: one row has the cursor, up to two are picked.

import { el, fill } from "../../dom.js";
import { count, cut, percent, short, usd } from "../../format.js";

const COLUMNS = ["", "State", "Model", "Strategy", "Answer", "Agreement", "Traces", "Tokens", "Cost", "Age"];
const NUMBERS = new Set(["Agreement", "Traces", "Tokens", "Cost", "Age"]);
const CHIPS = { queued: "", in_progress: "live", completed: "good", failed: "bad", cancelled: "warn" };

/** A table that opens jobs and picks them; `moved` is called when what is picked changes. */
export function jobTable({ open, moved }) {
  let jobs = [];
  let words = [];
  let at = null;
  let picks = [];
  const rows = el("tbody");
  const heads = COLUMNS.map((name) => el("th", { class: NUMBERS.has(name) ? "number" : null, scope: "col" }, name));
  const table = el("table", {}, el("thead", {}, el("tr", {}, heads)), rows);

  const shown = () => jobs.filter((job) => words.every((word) => haystack(job).includes(word)));

  function paint() {
    const some = shown();
    if (!some.some((job) => job.id === at)) at = some[0]?.id ?? null;
    fill(rows, some.length ? some.map(row) : nothing(jobs.length));
  }

  function row(job) {
    const box = el("input", {
      type: "checkbox",
      checked: picks.includes(job.id),
      "aria-label": `Pick ${job.id}`,
      onclick: (event) => event.stopPropagation(),
      onchange: () => pick(job.id),
    });
    const attributes = { "aria-selected": String(job.id === at), dataset: { id: job.id }, onclick: () => open(job.id) };
    return el("tr", attributes, el("td", {}, box), cells(job));
  }

  function pick(id = at) {
    if (id === null) return;
    picks = picks.includes(id) ? picks.filter((one) => one !== id) : [...picks, id].slice(-2);
    paint();
    moved();
  }

  function move(by) {
    const ids = shown().map((job) => job.id);
    at = ids[Math.min(Math.max(ids.indexOf(at) + by, 0), ids.length - 1)] ?? null;
    paint();
    rows.querySelector("[aria-selected=true]")?.scrollIntoView({ block: "nearest" });
  }

  return {
    node: el("div", { class: "scroll" }, table),
    show: (its) => {
      jobs = its;
      paint();
    },
    filter: (text) => {
      words = text.toLowerCase().split(/\s+/).filter(Boolean);
      paint();
    },
    current: () => at,
    picked: () => picks,
    pick,
    move,
  };
}

const haystack = (job) =>
  [job.id, job.status, job.model, job.strategy, job.mode, job.source, job.progress.leader].join(" ").toLowerCase();

function cells(job) {
  const { traces, tokens, leader, agreement } = job.progress;
  const number = (text, title) => el("td", { class: "number nowrap", title }, text);
  return [
    el("td", {}, el("span", { class: `chip ${CHIPS[job.status]}` }, job.status.replace("_", " "))),
    el("td", {}, el("a", { href: `#/jobs/${job.id}` }, cut(job.model, 40))),
    el("td", {}, job.strategy, job.mode ? el("span", { class: "faint" }, ` ${job.mode}`) : null),
    el("td", { class: "mono" }, leader === null ? el("span", { class: "faint" }, "–") : cut(leader, 48)),
    number(leader === null ? "–" : percent(agreement)),
    number(traceText(traces), `${traces.done} done, ${traces.stopped} stopped, ${traces.failed} failed`),
    number(short(job.usage?.total_tokens ?? tokens)),
    number(usd(job.usage?.cost)),
    number(age(job.created_at), new Date(job.created_at * 1000).toLocaleString("sv-SE")),
  ];
}

function traceText({ planned, done, failed, stopped }) {
  const ended = done + failed + stopped;
  return ended === planned ? count(planned) : `${count(ended)} / ${count(planned)}`;
}

/** How long ago: 12 s, 5 min, 3 h, 2 d. */
function age(epoch_s) {
  const s = Math.max(0, Date.now() / 1000 - epoch_s);
  if (s < 60) return `${Math.floor(s)} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  return s < 86400 ? `${Math.floor(s / 3600)} h` : `${Math.floor(s / 86400)} d`;
}

function nothing(any) {
  const words = any
    ? "No job on this page matches the filter."
    : ["No jobs yet. ", el("a", { href: "#/" }, "Try one in the playground"), ", or send a request to the API."];
  return el("tr", {}, el("td", { colspan: COLUMNS.length, class: "faint" }, words));
}
