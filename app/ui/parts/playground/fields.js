// Form fields out of JSON Schema, as GET /v1/strategies tells it. An empty field is not sent.

import { el } from "../../dom.js";

/** What is the same for every strategy, beside its own options. */
export const SAMPLING = {
  temperature: { type: "number", default: 0.7, minimum: 0, maximum: 2, description: "0 always takes the likeliest token" },
  top_p: { type: "number", default: 1, minimum: 0, maximum: 1, description: "of the likeliest tokens this share" },
  max_tokens: { type: "integer", default: 512, minimum: 1, description: "of each trace" },
  seed: { type: ["integer", "null"], description: "each trace gets one of its own, derived from it" },
};

export const SHARED = {
  tts_answer_format: {
    type: "string",
    default: "auto",
    description: "auto, boxed, choice, number, json, text, code or regex:PATTERN",
  },
  tts_window_size: { type: "string", description: "tokens of a confidence group: a number, or auto (online)" },
  tts_top_logprobs: { type: "integer", default: 20, minimum: 0, maximum: 20, description: "k of the token confidence" },
  tts_min_traces: { type: "integer", default: 1, minimum: 1, description: "fewer usable traces are an error" },
  tts_deadline_s: { type: ["number", "null"], minimum: 0, description: "answer with what there is after so many seconds" },
  tts_max_total_tokens: { type: ["integer", "null"], minimum: 1, description: "stop all traces after so many tokens" },
  tts_judge_model: { type: ["string", "null"], description: "the model of judge calls; by default the request's own" },
};

const kindOf = (schema) => [schema.type].flat()[0];

/** A labelled field for one parameter; `text` is what it holds. */
export function field(name, schema, text = "") {
  const id = `field-${name}`;
  const input = inputFor(schema, { id, name, value: text });
  return el(
    "div",
    { class: "field" },
    el("label", { for: id }, name.replace(/^tts_/, "")),
    input,
    el("span", { class: "hint" }, [schema.description, range(schema)].filter(Boolean).join("; ")),
  );
}

function inputFor(schema, attributes) {
  const words = kindOf(schema) === "boolean" ? ["true", "false"] : schema.enum;
  if (words) return choice(words, schema, attributes);
  const numeric = ["integer", "number"].includes(kindOf(schema));
  return el("input", {
    ...attributes,
    type: numeric ? "number" : "text",
    min: schema.minimum,
    max: schema.maximum,
    step: kindOf(schema) === "integer" ? 1 : numeric ? "any" : null,
    placeholder: shown(schema.default),
    autocomplete: "off",
    spellcheck: "false",
  });
}

function choice(words, schema, { value, ...attributes }) {
  const unset = el("option", { value: "" }, `${shown(schema.default) || "none"} (default)`);
  const options = words.map((word) => el("option", { value: word, selected: word === value }, word));
  return el("select", attributes, unset, options);
}

function shown(value) {
  return value === null || value === undefined ? "" : String(value);
}

function range({ minimum, maximum }) {
  if (minimum === undefined) return null;
  return maximum === undefined ? `from ${minimum}` : `${minimum} to ${maximum}`;
}

/** What a field's text means in the request; undefined when it is empty. */
export function valueOf(text, schema) {
  const said = text.trim();
  if (said === "") return undefined;
  switch (kindOf(schema)) {
    case "integer":
    case "number":
      return Number(said);
    case "boolean":
      return said === "true";
    case "array":
      return said.split(",").map((part) => valueOf(part, schema.items)).filter((part) => part !== undefined);
    default:
      return said;
  }
}
