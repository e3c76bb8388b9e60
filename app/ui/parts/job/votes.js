// The vote: a bar for each answer, with all the ways in which it was spelt.

import { el, fill } from "../../dom.js";
import { cut, percent } from "../../format.js";
import { dot } from "./classes.js";

/** Bars of answer classes, best first; `choose` is called with the answer that is clicked. */
export function voteBars(classes, choose) {
  if (!classes.length) return el("p", { class: "faint" }, "No answer yet.");
  return el(
    "ul",
    { class: "votes" },
    classes.map((one) => el("li", {}, bar(one, choose), spellings(one))),
  );
}

function bar(one, choose) {
  const said = `${one.votes} ${one.votes === 1 ? "vote" : "votes"} · ${percent(one.share)}`;
  return el(
    "button",
    { type: "button", class: "vote", title: one.answer, "aria-label": `${cut(one.answer, 60)}: ${said}`, onclick: () => choose?.(one) },
    el("span", { class: "vote-answer" }, dot(one.colour), ` ${cut(one.answer, 60)}`),
    el("span", { class: "vote-bar" }, el("i", { style: { width: `${100 * one.share}%`, background: `var(${one.colour})` } })),
    el("span", { class: "right nowrap" }, said),
  );
}

function spellings({ answer, spellings: all }) {
  const others = all.filter((one) => one !== answer);
  return others.length ? el("p", { class: "faint small spelt" }, "also ", others.map((one, i) => [i ? ", " : "", el("code", {}, cut(one, 40))])) : null;
}

/** The panel of the job's own vote. */
export function votes(choose) {
  const place = el("div");
  const update = (classes) => fill(place, voteBars(classes, choose));
  return { node: el("section", { class: "panel", "aria-label": "Votes" }, el("header", {}, el("h2", {}, "Votes"), el("span", { class: "faint small" }, "share of the weight")), place), update };
}
