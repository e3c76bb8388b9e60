// A job for elsewhere: JSON lines, or one HTML file that needs nothing else.

import { events, get } from "../api.js";
import { el } from "../dom.js";
import { DATA, standalone } from "./export/standalone.js";
import { say } from "./say.js";

/** Buttons that hand a job out; `read` fetches {job, traces}, everything the API tells of them. */
export function exportButtons(read) {
  const exported = document.getElementById(DATA) !== null;
  return el(
    "div",
    { class: "row" },
    button("JSONL", "One line for each trace", async () => {
      const { job, traces } = await read();
      save(`chorus-${job.id}.jsonl`, "application/jsonl", lines(traces));
    }),
    exported || button("HTML", "One file that shows this page without the service", () => page(read)),
  );
}

/** One line for each trace. */
export const lines = (traces) => traces.map((trace) => `${JSON.stringify(trace)}\n`).join("");

async function page(read) {
  const { job, traces } = await read();
  const [told, { data: strategies }] = await Promise.all([eventsOf(job), get("/v1/strategies")]);
  const html = await standalone({ job, traces, events: told, strategies });
  save(`chorus-${job.id}.html`, "text/html", html);
}

// Those of a job that goes on do not end.
async function eventsOf(job) {
  const told = [];
  if (!job.completed_at) return told;
  for await (const event of events(`/v1/jobs/${job.id}/events`)) told.push(event);
  return told;
}

function button(name, title, act) {
  const node = el("button", { type: "button", title, onclick: press }, name);
  async function press() {
    node.disabled = true;
    try {
      await act();
      node.textContent = name;
    } catch (error) {
      node.textContent = `${name}: ${error.message}`;
      say(error.message);
    } finally {
      node.disabled = false;
    }
  }
  return node;
}

function save(name, type, text) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = el("a", { href: url, download: name });
  link.click();
  // The browser reads it after this turn.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
