// The playground: a request, what it would cost, and its run as it goes on.

import { get, post } from "../api.js";
import { el, fill } from "../dom.js";
import { estimateBox } from "../parts/playground/estimate.js";
import { requestForm } from "../parts/playground/form.js";
import { recipes } from "../parts/playground/recipes.js";
import { runBox } from "../parts/playground/run.js";

export async function show(root, { query }) {
  fill(root, el("h1", {}, "Playground"), el("p", { class: "faint" }, "Loading …"));
  const [models, strategies, strategy] = await Promise.all([modelIds(), strategyList(), defaultStrategy()]);
  let job = query.get("job");
  const estimate = estimateBox();
  const elsewhere = recipes();
  const run = runBox({ changed: showRunning });
  const go = el("button", { type: "button", class: "primary", id: "run", onclick: begin }, "Run");
  const cancel = el(
    "button",
    { type: "button", class: "danger", id: "cancel", hidden: true, onclick: run.cancel },
    "Cancel",
  );
  const actions = el("div", { class: "row" }, go, cancel, el("span", { class: "faint small" }, "Ctrl+Enter runs"));
  const form = requestForm({ query, models, strategies, strategy, actions, changed });

  function changed() {
    const body = form.body();
    estimate.show(body);
    elsewhere.show(body);
    keepAddress();
  }

  function keepAddress() {
    const kept = new URLSearchParams([...form.state(), ...(job ? [["job", job]] : [])]);
    history.replaceState(null, "", `#/?${kept}`);
  }

  async function begin() {
    if (go.disabled || !form.valid()) return;
    go.disabled = true;
    try {
      const begun = await post("/v1/jobs", form.body(), { headers: { "Idempotency-Key": once() } });
      job = begun.id;
      keepAddress();
      run.follow(job);
    } catch (error) {
      run.refused(error);
      go.disabled = false;
    }
  }

  function showRunning(running) {
    go.disabled = running;
    cancel.hidden = !running;
  }

  const pressed = (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) begin();
  };
  document.addEventListener("keydown", pressed);
  fill(
    root,
    el("h1", { class: "visually-hidden" }, "Playground"),
    el(
      "div",
      { class: "playground" },
      el("section", { class: "panel", "aria-label": "Request" }, form.node),
      el("div", { class: "stack" }, estimate.node, run.node, elsewhere.node),
    ),
  );
  changed();
  if (job) run.follow(job);
  return () => {
    document.removeEventListener("keydown", pressed);
    estimate.stop();
    run.stop();
  };
}

// An id of its own for each press, so that a connection that breaks does not have it run twice. Without
// https there is no crypto.randomUUID.
const once = () => [...crypto.getRandomValues(new Uint32Array(4))].map((part) => part.toString(16)).join("-");

// Not each model again with each strategy, for that has its own field; presets are kept.
async function modelIds() {
  const { data } = await get("/v1/models");
  return data.map((model) => model.id).filter((id) => !id.includes("@"));
}

async function strategyList() {
  return (await get("/v1/strategies")).data;
}

async function defaultStrategy() {
  const asked = await post("/v1/estimate", { model: "any", messages: [{ role: "user", content: "?" }] });
  return asked.strategy;
}
