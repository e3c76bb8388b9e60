// One job: how its traces went, how they voted, and how they might have.

import { del, pages, post } from "../api.js";
import { el, fill } from "../dom.js";
import { bind } from "../keys.js";
import { exportButtons } from "../parts/export.js";
import { faultBox } from "../parts/fault.js";
import { classesOf } from "../parts/job/classes.js";
import { curves } from "../parts/job/curves.js";
import { overBudget } from "../parts/job/over_budget.js";
import { isOver, metadataOf, oneTrace, readRecord } from "../parts/job/record.js";
import { summary } from "../parts/job/summary.js";
import { traceTable } from "../parts/job/table.js";
import { timeline } from "../parts/job/timeline.js";
import { tokenMap } from "../parts/job/tokens.js";
import { votes } from "../parts/job/votes.js";
import { whatIf } from "../parts/job/whatif.js";

const WHOLE = "confidences=true&logprobs=true";

export async function show(root, { id, query }) {
  const leaving = new AbortController();
  const { signal } = leaving;
  const { record, follow } = await readRecord(id, signal, redraw);
  let selected = query.has("trace") ? Number(query.get("trace")) : null;
  const voting = el("div", { class: "columns" });
  const parts = {
    head: summary((job) => buttons(job)),
    curves: curves({ chosen: Number(query.get("window")) || null, own: ownWindow }, select, (window) => remember({ window })),
    votes: votes((one) => parts.table.only(one.answer)),
    table: traceTable(select),
    tokens: tokenMap((index) => oneTrace(record, index, WHOLE, signal)),
    timeline: timeline(select),
  };
  fill(
    root,
    el(
      "div",
      { class: "stack job" },
      parts.head.node,
      el("div", { class: "wide-narrow" }, parts.curves.node, parts.votes.node),
      el("div", { class: "wide-narrow even" }, parts.table.node, parts.tokens.node),
      voting,
      parts.timeline.node,
    ),
  );
  let votingShown = false;
  redraw();
  if (selected !== null) parts.tokens.show(selected);
  follow().catch((error) => error.name === "AbortError" || root.prepend(faultBox(error)));
  const unbind = bind({
    j: ["Next trace", () => parts.table.step(1)],
    k: ["Trace before", () => parts.table.step(-1)],
    "/": ["Filter the traces", () => parts.table.focusFilter()],
    "[": ["Smaller group", () => slide(-1)],
    "]": ["Larger group", () => slide(1)],
  });

  function redraw() {
    const classes = classesOf(record);
    parts.head.update(record);
    parts.votes.update(classes);
    for (const part of [parts.curves, parts.table, parts.timeline]) part.update(record, classes, selected);
    if (!votingShown && !exported() && record.whole && metadataOf(record.job)) showVoting(classes);
  }

  async function showVoting(classes) {
    votingShown = true;
    const budgets = overBudget(record, signal);
    let timer = null;
    const follow = (body) => {
      clearTimeout(timer);
      timer = setTimeout(() => budgets.update(body, classes).catch(unlessAborted), 400);
    };
    try {
      const other = await whatIf(record, signal, follow);
      fill(voting, other.node, budgets.node);
      other.start(classes);
    } catch (error) {
      if (error.name !== "AbortError") fill(voting, faultBox(error));
    }
  }

  function select(index) {
    selected = index;
    remember({ trace: index });
    const classes = classesOf(record);
    for (const part of [parts.curves, parts.table, parts.timeline]) part.update(record, classes, selected);
    parts.tokens.show(index);
  }

  // The address always leads to what is shown.
  function remember(changes) {
    const now = new URLSearchParams(location.hash.split("?")[1] ?? "");
    for (const [name, value] of Object.entries(changes)) now.set(name, value);
    history.replaceState(null, "", `#/jobs/${id}?${now}`);
  }

  function slide(by) {
    const slider = document.getElementById("window");
    slider.value = Number(slider.value) + by * Math.max(1, Math.round(slider.max / 20));
    slider.dispatchEvent(new Event("input"));
  }

  function buttons(job) {
    const act = (call, after) => async () => {
      try {
        await call();
        after();
      } catch (error) {
        root.prepend(faultBox(error));
      }
    };
    const gone = () => (location.hash = "/jobs");
    return el(
      "div",
      { class: "row" },
      isOver(job)
        ? [exportButtons(readAll), el("a", { class: "button", href: `#/compare?a=${id}` }, "Compare"), el("button", { type: "button", class: "danger", onclick: act(() => del(record.path), gone) }, "Delete")]
        : el("button", { type: "button", class: "danger", onclick: act(() => post(`${record.path}/cancel`), () => {}) }, "Cancel"),
    );
  }

  async function readAll() {
    const all = [];
    for await (const page of pages(`${record.path}/traces?${WHOLE}`, { signal, limit: 20 })) all.push(...page);
    return { job: record.job, traces: all };
  }

  return () => {
    leaving.abort();
    unbind();
    parts.curves.destroy();
  };
}

// The group size in the vote; before it, what was asked for.
const ownWindow = ({ job }) => metadataOf(job)?.window_tokens ?? (Number(job.request?.tts_window_size) || 2048);

// In a file of its own a job cannot vote anew.
const exported = () => document.documentElement.dataset.exported === "true";

function unlessAborted(error) {
  if (error.name !== "AbortError") throw error;
}
