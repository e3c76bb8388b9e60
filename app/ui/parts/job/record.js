// All that the page knows of a job: read once, then kept up with the job's events while it goes on.

import { events, get, pages, pause } from "../../api.js";
import { released } from "../../dom.js";

const SOON_MS = 150;
const CURVES_MS = 1000;

/** A job's record; `changed` is called, a little later, after anything has. It is `whole` when nothing comes
 * any more. */
export async function readRecord(id, signal, changed) {
  const path = `/v1/jobs/${id}`;
  const job = await get(path, { signal });
  const record = { id, path, job, traces: new Map(), rounds: [], ends: new Map(), whole: isOver(job) };
  record.threshold = metadataOf(job)?.threshold ?? null;
  for await (const page of pages(`${path}/traces?confidences=true`, { signal, limit: 50 })) {
    for (const trace of page) record.traces.set(trace.index, trace);
  }
  const soon = later(changed, signal);
  return { record, follow: () => Promise.all([followed(record, signal, soon), watched(record, signal, soon)]) };
}

/** The vote's own account, once there is one. */
export const metadataOf = (job) => job.result?.choices[0].tts_metadata ?? null;

export const isOver = (job) => !["queued", "in_progress"].includes(job.status);

/** Traces by index; judge calls are none. */
export const tracesOf = (record) =>
  [...record.traces.values()].filter((trace) => !trace.judge).sort((one, other) => one.index - other.index);

/** Traces that are still being written, with their curves so far. */
export const runningOf = (record) => (record.job.progress.curves ?? []).filter(({ index }) => !record.traces.has(index));

// Events are told from the first on: their ids say when each happened.
async function followed(record, signal, changed) {
  for await (const event of events(`${record.path}/events`, { signal })) {
    const at_s = Number(event.id?.split("-")[0]) / 1000;
    if (event.type === "round") record.rounds[event.data.number] = { ...event.data, at_s };
    if (event.type === "threshold") record.threshold = event.data.stop_below;
    if (event.type === "trace") await ended(record, event.data, at_s, signal);
    if (event.type === "end") await over(record, signal);
    changed();
  }
}

// Only a job that keeps confidences has curves to grow, and only a page that is seen has to show them.
async function watched(record, signal, changed) {
  while (!record.whole && record.job.request?.tts_keep_confidences) {
    await pause(CURVES_MS, signal);
    if (document.hidden || record.whole) continue;
    const job = await get(record.path, { signal });
    if (record.whole) return;
    record.job = job;
    changed();
  }
}

async function ended(record, told, at_s, signal) {
  record.ends.set(told.index, at_s);
  if (record.traces.has(told.index)) return;
  record.traces.set(told.index, told);
  const whole = await oneTrace(record, told.index, "confidences=true", signal);
  if (whole) record.traces.set(told.index, whole);
  record.job = await get(record.path, { signal });
}

async function over(record, signal) {
  record.job = await get(record.path, { signal });
  record.threshold = metadataOf(record.job)?.threshold ?? record.threshold;
  if (record.whole) return;
  for await (const page of pages(`${record.path}/traces?confidences=true`, { signal, limit: 50 })) {
    for (const trace of page) record.traces.set(trace.index, trace);
  }
  record.whole = true;
}

/** One trace with what `query` asks for. */
export async function oneTrace(record, index, query, signal) {
  const page = await get(`${record.path}/traces?${query}&limit=1&after=${index - 1}`, { signal });
  return page.data.find((trace) => trace.index === index) ?? null;
}

function later(act, signal) {
  let timer = null;
  return () => {
    timer ??= setTimeout(async () => {
      await released();
      timer = null;
      if (!signal.aborted) act();
    }, SOON_MS);
  };
}
