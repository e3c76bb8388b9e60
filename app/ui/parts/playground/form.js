// The request as a form. What it holds is in the address, so that it can be shared; the key never is.

import { el, fill } from "../../dom.js";
import { SAMPLING, SHARED, field, valueOf } from "./fields.js";

const QUESTION = "What is 17*23? Think step by step.";

/** The form: its `node`, the `body` of the request, its `state` for the address. `actions` are its buttons. */
export function requestForm({ query, models, strategies, strategy, actions, changed }) {
  const state = new Map([["user", QUESTION], ["model", models[0] ?? ""], ["tts_strategy", strategy], ...query]);
  const options = el("div", { class: "fields" });
  const summary = el("p", { class: "faint small" });
  const chosen = () => strategies.find((one) => one.id === state.get("tts_strategy"));
  const schemas = () => ({ ...SAMPLING, ...SHARED, ...chosen()?.parameters.properties });

  function showStrategy() {
    const found = chosen();
    fill(summary, found?.summary, found?.paper ? el("span", {}, ` ${found.paper}`) : null);
    fill(options, fieldsOf(found?.parameters.properties ?? {}, state));
  }

  function input(event) {
    const { name, type, value, checked } = event.target;
    state.set(name, type === "checkbox" ? (checked ? "" : "no") : value);
    if (name === "tts_strategy") showStrategy();
    changed();
  }

  const node = el(
    "form",
    { class: "stack", id: "request", oninput: input, onsubmit: (event) => event.preventDefault() },
    el("div", { class: "fields" }, modelField(models, state), strategyField(strategies, state)),
    summary,
    textField("system", "System", 2, state),
    textField("user", "Question", 5, state),
    actions,
    part("Options of the strategy", true, options),
    part("Sampling", true, el("div", { class: "fields" }, fieldsOf(SAMPLING, state))),
    part("More", anySet(SHARED, state), keepField(state), el("div", { class: "fields" }, fieldsOf(SHARED, state))),
  );
  showStrategy();
  return {
    node,
    body: () => bodyOf(state, schemas()),
    state: () => stateOf(state, schemas()),
    valid: () => node.reportValidity(),
  };
}

const fieldsOf = (schemas, state) =>
  Object.entries(schemas).map(([name, schema]) => field(name, schema, state.get(name)));

const anySet = (schemas, state) => Object.keys(schemas).some((name) => state.get(name));

function part(title, open, ...children) {
  return el("details", { open }, el("summary", {}, title), children);
}

function modelField(models, state) {
  return el(
    "div",
    { class: "field" },
    el("label", { for: "field-model" }, "Model"),
    el("input", { id: "field-model", name: "model", list: "models", value: state.get("model"), required: true }),
    el("datalist", { id: "models" }, models.map((id) => el("option", { value: id }))),
  );
}

function strategyField(strategies, state) {
  const option = ({ id }) => el("option", { value: id, selected: id === state.get("tts_strategy") }, id);
  return el(
    "div",
    { class: "field" },
    el("label", { for: "field-strategy" }, "Strategy"),
    el("select", { id: "field-strategy", name: "tts_strategy" }, strategies.map(option)),
  );
}

function textField(name, title, rows, state) {
  return el(
    "div",
    { class: "field" },
    el("label", { for: `field-${name}` }, title),
    el("textarea", { id: `field-${name}`, name, rows, value: state.get(name) ?? "", required: name === "user" }),
  );
}

// What the job's page draws from; the answer does not depend on it.
const KEPT = { logprobs: true, top_logprobs: 5, tts_keep_confidences: true };

function keepField(state) {
  const box = el("input", { type: "checkbox", id: "field-keep", name: "keep", checked: state.get("keep") !== "no" });
  return el("p", {}, el("label", { for: "field-keep" }, box, "Keep every token, for the curves and the heat map"));
}

function bodyOf(state, schemas) {
  const said = (role, name) => (state.get(name)?.trim() ? [{ role, content: state.get(name) }] : []);
  const body = {
    model: state.get("model").trim(),
    messages: [...said("system", "system"), ...said("user", "user")],
    tts_strategy: state.get("tts_strategy"),
    ...(state.get("keep") === "no" ? {} : KEPT),
  };
  for (const [name, schema] of Object.entries(schemas)) {
    const value = valueOf(state.get(name) ?? "", name === "tts_window_size" ? windowSchema(state) : schema);
    if (value !== undefined) body[name] = value;
  }
  return body;
}

const windowSchema = (state) => ({ type: state.get("tts_window_size") === "auto" ? "string" : "integer" });

// Options of another strategy are kept while one tries around, but not shared.
function stateOf(state, schemas) {
  const names = ["model", "tts_strategy", "system", "user", "keep", ...Object.keys(schemas)];
  return names.filter((name) => state.get(name)).map((name) => [name, state.get(name)]);
}
