// The jobs, newest first; the list renews itself while something runs.

import { get } from "../api.js";
import { el, fill, released } from "../dom.js";
import { bind } from "../keys.js";
import { faultBox } from "../parts/fault.js";
import { jobTable } from "../parts/jobs/table.js";

const PAGE = 25;
const RENEWED_MS = 2000;

export async function show(root, { query }) {
  const left = new AbortController();
  const { signal } = left;
  // The last ids of the pages before this one: the list only leads forward.
  const before = [];
  let after = "";
  let page = { data: [], has_more: false };

  const table = jobTable({ open, moved: keepAddress });
  const filter = el("input", {
    type: "search",
    id: "filter",
    "aria-label": "Filter",
    placeholder: "Filter: model, strategy, answer …",
    value: query.get("q") ?? "",
    oninput: () => {
      table.filter(filter.value);
      keepAddress();
    },
  });
  const newer = el("button", { type: "button", onclick: () => turn(before.pop() ?? "") }, "← Newer");
  const older = el("button", { type: "button", onclick: () => (before.push(after), turn(page.last_id)) }, "Older →");
  const compared = el("button", { type: "button", id: "compare", onclick: compare }, "Side by side");
  const problem = el("div", {});
  const head = el("header", {}, el("h1", {}, "Jobs"), filter, el("span", { class: "grow" }), compared, newer, older);
  fill(root, el("section", { class: "panel jobs" }, head, problem, table.node, legend()));

  async function renew() {
    try {
      page = await get(`/v1/jobs?limit=${PAGE}${after && `&after=${after}`}`, { signal });
      await released();
      signal.throwIfAborted();
      fill(problem);
      table.show(page.data);
    } catch (error) {
      if (error.name === "AbortError") return;
      fill(problem, faultBox(error, renew));
    }
    newer.disabled = after === "";
    older.disabled = !page.has_more;
    keepAddress();
  }

  function turn(to) {
    after = to ?? "";
    return renew();
  }

  function keepAddress() {
    compared.disabled = table.picked().length !== 2;
    const kept = new URLSearchParams(filter.value ? { q: filter.value } : {});
    history.replaceState(null, "", `#/jobs${kept.size ? `?${kept}` : ""}`);
  }

  function open(id) {
    location.hash = `/jobs/${id}`;
  }

  function compare() {
    const [a, b] = table.picked();
    if (b) location.hash = `/compare/${a}/${b}`;
  }

  const unbind = bind({
    j: ["Next job", () => table.move(1)],
    k: ["Previous job", () => table.move(-1)],
    Enter: ["Open the job", () => table.current() && open(table.current())],
    x: ["Pick the job for side by side", () => table.pick()],
    c: ["The two picked jobs side by side", compare],
    "/": ["Filter", () => filter.focus()],
    r: ["Renew", renew],
  });
  // A list without anything that runs may still get new jobs, but who waits for those can press r.
  const timer = setInterval(() => page.data.some((job) => !job.completed_at) && renew(), RENEWED_MS);
  table.filter(filter.value);
  await renew();
  return () => {
    clearInterval(timer);
    unbind();
    left.abort();
  };
}

function legend() {
  const keys = [["j", "k"], ["Enter"], ["x"], ["c"], ["/"]];
  const words = ["move", "open", "pick", "side by side", "filter"];
  const parts = keys.map((some, i) => [some.map((one) => el("kbd", {}, one)), `${words[i]}  `]);
  return el("p", { class: "faint small legend" }, parts);
}
