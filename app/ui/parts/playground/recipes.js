// The same request as a command and as a program. Neither holds the key: both read it from the environment.

import { key } from "../../api.js";
import { el, fill } from "../../dom.js";
import { say } from "../say.js";

/** A box that shows the request in other languages; `show(body)` renews it. */
export function recipes() {
  const text = el("pre", { class: "recipe", tabindex: "0", "aria-label": "The request elsewhere" });
  const makers = { curl, Python: python };
  const tabs = Object.keys(makers).map((name) =>
    el("button", { type: "button", role: "tab", onclick: () => choose(name) }, name),
  );
  const copy = el("button", { type: "button", onclick: () => copied(copy, text) }, "Copy");
  let chosen = "curl";
  let body = {};

  function choose(name) {
    chosen = name;
    for (const tab of tabs) tab.setAttribute("aria-selected", tab.textContent === name);
    fill(text, makers[name](body));
  }

  choose(chosen);
  const node = el(
    "section",
    { class: "panel", "aria-label": "The same elsewhere" },
    el("header", {}, el("h2", {}, "The same elsewhere"), el("div", { class: "tabs", role: "tablist" }, tabs), copy),
    text,
  );
  const show = (its) => {
    body = its;
    choose(chosen);
  };
  return { node, show };
}

async function copied(button, node) {
  try {
    await navigator.clipboard.writeText(node.textContent);
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = "Copy"), 1500);
    say("Copied");
  } catch {
    // Without https there is no clipboard: have it selected, so that one key copies it.
    getSelection().selectAllChildren(node);
  }
}

const quoted = (text) => `'${text.replaceAll("'", `'\\''`)}'`;

/** A command for a POSIX shell. */
export function curl(body) {
  const lines = [
    `curl ${location.origin}/v1/chat/completions`,
    ...(key() ? [`-H "Authorization: Bearer $CHORUS_API_KEY"`] : []),
    `-H 'Content-Type: application/json'`,
    `-d ${quoted(JSON.stringify(body, null, 2))}`,
  ];
  return lines.join(" \\\n  ");
}

/** A program with OpenAI's SDK: what it does not know goes into extra_body. */
export function python(body) {
  const entries = Object.entries(body);
  const ours = entries.filter(([name]) => name.startsWith("tts_"));
  const known = entries.filter(([name]) => !name.startsWith("tts_"));
  return [
    ...(key() ? ["import os", ""] : []),
    "from openai import OpenAI",
    "",
    `client = OpenAI(base_url="${location.origin}/v1", api_key=${key() ? 'os.environ["CHORUS_API_KEY"]' : '"unused"'})`,
    "response = client.chat.completions.create(",
    ...known.map(([name, value]) => `    ${name}=${literal(value, 1)},`),
    `    extra_body=${literal(Object.fromEntries(ours), 1)},`,
    ")",
    "print(response.choices[0].message.content)",
    "print(response.choices[0].tts_metadata)",
  ].join("\n");
}

// JSON's strings and numbers are Python's.
function literal(value, depth) {
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value !== "object") return JSON.stringify(value);
  const inner = Array.isArray(value)
    ? value.map((one) => literal(one, depth + 1))
    : Object.entries(value).map(([name, one]) => `${JSON.stringify(name)}: ${literal(one, depth + 1)}`);
  const [open, close] = Array.isArray(value) ? "[]" : "{}";
  const pad = "    ".repeat(depth);
  return inner.length ? `${open}\n${inner.map((one) => `${pad}    ${one},\n`).join("")}${pad}${close}` : open + close;
}
