// Two jobs side by side: answers, cost, votes, confidences, and what they were asked differently.

import { get, pages } from "../api.js";
import { el, fill } from "../dom.js";
import { cut, moment } from "../format.js";
import { confidenceChart } from "../parts/side_by_side/confidences.js";
import { parameterTable } from "../parts/side_by_side/parameters.js";
import { summaryTable, voteBars } from "../parts/side_by_side/summary.js";

const RENEWED_MS = 2000;
const SIDES = ["A", "B"];

export async function show(root, { a = null, b = null, query }) {
  a ??= query.get("a");
  const left = new AbortController();
  const { signal } = left;
  const list = await get("/v1/jobs?limit=100", { signal });
  const body = el("div", { class: "stack" });
  fill(root, el("div", { class: "stack" }, el("h1", {}, "Two jobs side by side"), picker(list.data, a, b), body));
  if (!a || !b) {
    fill(body, el("p", { class: "faint" }, "Choose two jobs here, or pick them in the list of jobs with x."));
    return () => left.abort();
  }
  let timer = null;
  let chart = null;

  async function renew() {
    const both = await Promise.all([read(a, signal), read(b, signal)]);
    chart?.destroy();
    chart = confidenceChart(both);
    fill(body, columns(both, chart));
    chart.draw();
    if (both.some(({ job }) => !job.completed_at)) timer = setTimeout(() => renew().catch(() => {}), RENEWED_MS);
  }

  await renew();
  return () => {
    left.abort();
    clearTimeout(timer);
    chart?.destroy();
  };
}

async function read(id, signal) {
  const traces = [];
  for await (const page of pages(`/v1/jobs/${id}/traces`, { signal })) traces.push(...page);
  return { job: await get(`/v1/jobs/${id}`, { signal }), traces: traces.filter((trace) => !trace.judge) };
}

function picker(jobs, a, b) {
  const chosen = [a, b];
  const go = () => {
    if (chosen[0] && chosen[1]) location.hash = `/compare/${chosen[0]}/${chosen[1]}`;
  };
  const select = (side) =>
    el(
      "select",
      {
        "aria-label": `Job ${SIDES[side]}`,
        onchange: (event) => {
          chosen[side] = event.target.value;
          go();
        },
      },
      choices(jobs, chosen[side]),
    );
  const swap = () => {
    chosen.reverse();
    go();
  };
  return el(
    "div",
    { class: "row panel sides" },
    SIDES.map((name, side) => [el("span", { class: `side side-${side}` }, name), select(side)]),
    el("button", { type: "button", onclick: swap, disabled: !a || !b }, "Swap"),
  );
}

function choices(jobs, id) {
  const known = jobs.some((job) => job.id === id);
  const option = (job) =>
    el("option", { value: job.id, selected: job.id === id }, `${moment(job.created_at)} · ${described(job)}`);
  const lost = id && !known ? el("option", { value: id, selected: true }, id) : null;
  return [id ? null : el("option", { value: "" }, "Choose a job"), lost, jobs.map(option)];
}

const described = ({ strategy, model, progress }) =>
  cut(`${strategy} · ${model}${progress.leader === null ? "" : ` · ${progress.leader}`}`, 60);

function columns(both, chart) {
  return [
    el("section", { class: "panel", "aria-label": "Outcome" }, el("header", {}, el("h2", {}, "Outcome")), summaryTable(both)),
    el(
      "div",
      { class: "columns" },
      el("section", { class: "panel", "aria-label": "Votes" }, el("header", {}, el("h2", {}, "Votes")), voteBars(both)),
      chart.node,
    ),
    parameterTable(both),
    el("div", { class: "columns" }, both.map(winner)),
  ];
}

function winner({ job }, side) {
  const text = job.result?.choices[0].message.content ?? "";
  return el(
    "section",
    { class: "panel", "aria-label": `What the winner of ${SIDES[side]} says` },
    el("header", {}, el("span", { class: `side side-${side}` }, SIDES[side]), el("h2", {}, "The winning trace")),
    el("pre", { class: "said" }, text || "–"),
    el("p", {}, el("a", { href: `#/jobs/${job.id}` }, "The job →")),
  );
}
