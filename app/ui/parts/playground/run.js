// A run as it goes on: progress, the leader board while answers come in, the answer in the end.

import { events, get, post } from "../../api.js";
import { el, fill } from "../../dom.js";
import { count, cut, nats, percent, seconds, short, usd } from "../../format.js";
import { faultBox } from "../fault.js";
import { rankedOf } from "../job/classes.js";
import { say } from "../say.js";
import { Board } from "./board.js";

const LOOKED_MS = 1000;

/** A box that follows one job at a time: `follow(id)`, `cancel()`, `stop()` looking. */
export function runBox({ changed }) {
  const node = el("section", { class: "panel run", "aria-label": "Run", hidden: true });
  let following = new AbortController();
  let running = null;

  function turn(id) {
    running = id;
    changed(id !== null);
  }

  async function follow(id) {
    following.abort();
    following = new AbortController();
    const { signal } = following;
    const shown = frame(id);
    fill(node, shown.nodes);
    node.hidden = false;
    turn(id);
    const looking = setInterval(() => look(id, shown, signal), LOOKED_MS);
    try {
      for await (const event of events(`/v1/jobs/${id}/events`, { signal })) shown.told(event);
      shown.ended(await get(`/v1/jobs/${id}`, { signal }));
    } catch (error) {
      if (error.name === "AbortError") return;
      fill(node, faultBox(error));
    } finally {
      clearInterval(looking);
      if (following.signal === signal) turn(null);
    }
  }

  const refused = (error) => {
    fill(node, faultBox(error));
    node.hidden = false;
  };
  const cancel = () => running && post(`/v1/jobs/${running}/cancel`, {}).catch(refused);
  return { node, follow, cancel, refused, stop: () => following.abort() };
}

// Between its events a job only tells by itself how many traces run, and how many tokens have come.
async function look(id, shown, signal) {
  try {
    shown.progress(await get(`/v1/jobs/${id}`, { signal }));
  } catch (error) {
    // The events tell of what is wrong.
    if (error.name !== "AbortError") console.warn(error.message);
  }
}

function frame(id) {
  const board = new Board();
  const bar = el("progress", { max: 1, value: 0, "aria-label": "Traces that have ended" });
  const line = el("p", { class: "faint small", id: "run-line" }, "Waiting for a worker …");
  const leaders = el("div", { id: "leaders", class: "leaders" });
  const answer = el("div", { id: "answer" });
  const head = el(
    "header",
    {},
    el("h2", {}, "Run"),
    el("span", { class: "chip live", id: "run-state" }, "running"),
    el("span", { class: "grow" }),
    el("a", { href: `#/jobs/${id}`, id: "job-link" }, "Traces, curves and what-if →"),
  );

  function told(event) {
    board.told(event);
    bar.max = Math.max(1, board.planned);
    bar.value = board.ended;
    if (event.type !== "end") fill(line, progressLine(board));
    fill(leaders, leaderRows(board.standing()));
  }

  const progress = (job) => job.status === "in_progress" && fill(line, progressLine(board, job.progress));

  function ended(job) {
    const state = head.querySelector("#run-state");
    state.className = `chip ${{ completed: "good", failed: "bad" }[job.status] ?? "warn"}`;
    state.textContent = job.status;
    bar.value = bar.max;
    fill(line, spent(job));
    // The vote itself: what has meant the same is one answer here.
    if (job.result) fill(leaders, leaderRows(rankedOf(job.result.choices[0].tts_metadata.answer_distribution)));
    fill(answer, job.error ? faultBox(job.error) : verdict(job.result));
    say(job.result ? `The answer is ${answerOf(job.result)}` : `The job has ${job.status}`);
  }
  return { nodes: [head, bar, line, answer, leaders], told, progress, ended };
}

function progressLine(board, progress) {
  const parts = [
    `${board.ended} of ${board.planned} traces`,
    progress?.traces.running ? `${progress.traces.running} running` : null,
    board.failed ? `${board.failed} failed` : null,
    board.stopped ? `${board.stopped} stopped` : null,
    `${short(Math.max(progress?.tokens ?? 0, board.tokens))} tokens`,
    board.threshold === null ? null : `threshold ${nats(board.threshold)}`,
    progress?.eta_s ? `about ${seconds(progress.eta_s)} left` : null,
  ];
  return parts.filter(Boolean).join(" · ");
}

function leaderRows(standing) {
  return standing.map(({ answer, votes, share, spellings }) =>
    el(
      "div",
      { class: "leader", title: spellings.join(", ") },
      el("span", { class: "mono leader-answer" }, cut(answer, 60)),
      el("span", { class: "leader-bar" }, el("i", { style: { width: `${(share * 100).toFixed(1)}%` } })),
      el("span", { class: "right nowrap" }, `${votes} · ${percent(share)}`),
    ),
  );
}

function spent(job) {
  const metadata = job.result?.choices[0].tts_metadata;
  const parts = [
    metadata ? `${count(metadata.num_traces)} traces, ${count(metadata.traces_used)} voted` : null,
    job.usage ? `${count(job.usage.total_tokens)} tokens` : null,
    job.usage?.cost === undefined ? null : usd(job.usage.cost),
    metadata ? seconds(metadata.elapsed_s) : null,
    metadata && metadata.stopped_by !== "complete" ? `ended by ${metadata.stopped_by}` : null,
  ];
  return parts.filter(Boolean).join(" · ");
}

const answerOf = (result) => result.choices[0].tts_metadata.answer ?? result.choices[0].message.content ?? "";

function verdict(result) {
  if (!result) return el("p", { class: "faint" }, "It ended before there was an answer.");
  const { message, tts_metadata: metadata } = result.choices[0];
  return [
    el("p", { class: "verdict" }, answerOf(result)),
    el("p", { class: "faint small" }, `agreement ${percent(metadata.agreement)} · confidence ${nats(metadata.confidence)}`),
    metadata.warnings.map((warning) => el("p", { class: "warn-text small" }, warning)),
    el("details", {}, el("summary", {}, "What the winning trace says"), el("pre", {}, message.content ?? "")),
  ];
}
