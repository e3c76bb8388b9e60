// Other votes over the same traces: nothing is asked of a model.

import { get, post } from "../../api.js";
import { el, fill } from "../../dom.js";
import { cut, percent } from "../../format.js";
import { faultBox } from "../fault.js";
import { colourOf, rankedOf } from "./classes.js";
import { metadataOf, tracesOf } from "./record.js";
import { voteBars } from "./votes.js";

const SHOWN = ["tts_mode", "tts_filter_method", "tts_confidence", "tts_budget", "tts_warmup", "tts_eta", "tts_consensus", "tts_certainty", "tts_window_traces", "tts_first", "tts_softmax_temperature"];
const FILTERS = ["none", "top1", "top3", "top5", "top10%", "top25%", "top50%", "top90%"];
// DeepConf's two modes have options of their own.
const ONLY = { tts_filter_method: "offline", tts_warmup: "online", tts_eta: "online", tts_consensus: "online" };
const SOON_MS = 120;

/** The panel; `changed` is called with the body of each vote that was cast. */
export async function whatIf(record, signal, changed) {
  const strategies = (await get("/v1/strategies", { signal })).data;
  const chosen = el("select", { id: "what-strategy", onchange: () => fields() }, strategies.map((one) => el("option", { value: one.id, selected: one.id === record.job.strategy }, one.id)));
  const places = { options: el("div", { class: "row options" }), result: el("div", { "aria-live": "polite" }) };
  let timer = null;
  let turn = 0;
  let classes = [];

  function fields() {
    const properties = strategies.find((one) => one.id === chosen.value)?.parameters.properties ?? {};
    const names = SHOWN.filter((name) => properties[name]);
    fill(places.options, names.map((name) => field(name, properties[name], record, soon)));
    soon();
  }

  function soon() {
    showFitting(places.options);
    clearTimeout(timer);
    timer = setTimeout(ask, SOON_MS);
  }

  async function ask() {
    const mine = (turn += 1);
    const body = bodyOf(chosen.value, places.options);
    try {
      const told = (await post(`${record.path}/revote`, body, { signal })).choices[0].tts_metadata;
      if (mine !== turn) return;
      fill(places.result, outcome(told, record, classes));
      changed(body);
    } catch (error) {
      if (error.name !== "AbortError" && mine === turn) fill(places.result, faultBox(error));
    }
  }

  const node = el(
    "section",
    { class: "panel", "aria-label": "What if" },
    el("header", {}, el("h2", {}, "What if"), el("span", { class: "faint small" }, "the same traces, voting in another way; no model is asked")),
    el("div", { class: "row options" }, el("div", { class: "field" }, el("label", { for: "what-strategy" }, "Strategy"), chosen)),
    places.options,
    places.result,
  );
  const start = (found) => {
    classes = found;
    fields();
  };
  return { node, start };
}

function showFitting(options) {
  const mode = options.querySelector("[name=tts_mode]")?.value;
  for (const input of options.querySelectorAll("[name]")) {
    input.closest(".field").hidden = Boolean(mode && ONLY[input.name] && ONLY[input.name] !== mode);
  }
}

function field(name, schema, record, act) {
  const id = `what-${name}`;
  return el("div", { class: "field" }, el("label", { for: id, title: schema.description }, name.slice(4).replaceAll("_", " ")), control(name, id, schema, record, act));
}

function control(name, id, schema, record, act) {
  const own = record.job.request?.[name];
  if (name === "tts_budget") return budget(id, tracesOf(record).length, act);
  const words = name === "tts_filter_method" ? FILTERS : schema.enum;
  if (words) {
    const all = own && !words.includes(own) ? [own, ...words] : words;
    return el("select", { id, name, onchange: act }, all.map((word) => el("option", { value: word, selected: word === (own ?? schema.default) }, word)));
  }
  return el("input", { id, name, type: "number", step: "any", min: schema.minimum, max: schema.maximum, value: own ?? schema.default ?? "", placeholder: "auto", oninput: act });
}

function budget(id, most, act) {
  const output = el("output", { for: id }, most);
  const input = el("input", { id, name: "tts_budget", type: "range", min: 1, max: most, value: most, oninput: () => ((output.textContent = input.value), act()) });
  return el("span", { class: "row" }, input, output);
}

function bodyOf(strategy, options) {
  const body = { tts_strategy: strategy };
  for (const input of options.querySelectorAll("[name]")) {
    if (input.value !== "" && !input.closest(".field").hidden) body[input.name] = input.tagName === "SELECT" ? input.value : Number(input.value);
  }
  return body;
}

function outcome(told, record, classes) {
  const before = metadataOf(record.job);
  const same = before && before.answer === told.answer;
  const found = rankedOf(told.answer_distribution).map((one) => ({ ...one, colour: colourOf(classes, one.answer) }));
  const facts = [`${percent(told.agreement)} agree`, `${told.traces_used} vote`, told.traces_stopped_early ? `${told.traces_stopped_early} would have been stopped` : null, told.threshold === null ? null : `threshold ${told.threshold.toFixed(2)}`];
  return [
    el("p", { class: "verdict-line" }, el("strong", {}, cut(told.answer ?? "no answer", 80)), " ", before ? el("span", { class: same ? "chip good" : "chip warn" }, same ? "as the job's" : "another answer") : null, " ", el("span", { class: "faint" }, facts.filter(Boolean).join(" · "))),
    voteBars(found),
    told.warnings.length ? el("ul", { class: "warnings warn-text small" }, told.warnings.map((one) => el("li", {}, one))) : null,
  ];
}
