// How the vote grows with the budget: by votes anew over the first 1, 2, 4, ... traces.

import { post } from "../../api.js";
import { el, fill } from "../../dom.js";
import { count, cut, NONE, percent } from "../../format.js";
import { classOf, dot, isComplete } from "./classes.js";
import { tracesOf } from "./record.js";

const DRAWS = 400;

/** 1, 2, 4, ... and all. */
export function budgetsUpTo(most) {
  const found = [];
  for (let b = 1; b < most; b *= 2) found.push(b);
  return [...found, most];
}

/** The panel; it follows the what-if's strategy. */
export function overBudget(record, signal) {
  let turn = 0;
  let rows = [];
  let classes = [];
  const right = el("input", { id: "right-answer", placeholder: "the right answer", autocomplete: "off", oninput: draw });
  const body = el("tbody");
  const name = el("span", { class: "faint small" });
  const head = ["Budget", "Answer", "Agreement", "", "Right", "Majority right"];
  const node = el(
    "section",
    { class: "panel", "aria-label": "Over the budget" },
    el("header", {}, el("h2", {}, "Over the budget"), name, el("span", { class: "grow" }), el("label", { class: "row", for: "right-answer" }, "Right answer ", right)),
    el("div", { class: "scroll" }, el("table", {}, el("thead", {}, el("tr", {}, head.map((text) => el("th", { scope: "col" }, text)))), body)),
    el("p", { class: "faint small legend" }, `The first traces of the job vote anew. “Majority right”: the share of ${count(DRAWS)} random draws of so many of its traces whose plain majority is right.`),
  );

  async function update(vote, found) {
    const mine = (turn += 1);
    classes = found;
    name.textContent = vote.tts_strategy;
    rows = budgetsUpTo(tracesOf(record).length).map((budget) => ({ budget, told: null }));
    for (const row of rows) {
      row.told = await revoted(record, { ...vote, tts_budget: row.budget }, signal);
      if (mine !== turn) return;
      draw();
    }
  }

  function draw() {
    const wanted = right.value.trim();
    fill(body, rows.map((row) => line(row, wanted, classes, record)));
  }
  return { node, update };
}

async function revoted(record, body, signal) {
  try {
    return (await post(`${record.path}/revote`, body, { signal })).choices[0].tts_metadata;
  } catch (error) {
    if (error.name === "AbortError") throw error;
    return { fault: error.message };
  }
}

function line({ budget, told }, wanted, classes, record) {
  const cells = (...all) => el("tr", {}, el("td", { class: "number" }, budget), all.map((one) => el("td", {}, one)));
  if (!told) return cells("…", "", "", "", "");
  if (told.fault) return cells(el("span", { class: "faint" }, cut(told.fault, 90)), "", "", "", "");
  const mine = classOf(classes, told.answer);
  const isRight = wanted && (told.answer === wanted || (mine && classOf(classes, wanted) === mine));
  const share = told.agreement ?? 0;
  return cells(
    [dot(mine?.colour ?? "--class-none"), " ", cut(told.answer ?? NONE, 40)],
    percent(told.agreement),
    el("span", { class: "vote-bar" }, el("i", { style: { width: `${100 * share}%`, background: `var(${mine?.colour ?? "--class-none"})` } })),
    wanted ? el("span", { class: isRight ? "good-text" : "bad-text" }, isRight ? "✓" : "✗") : NONE,
    wanted ? percent(majorityRight(record, budget, wanted, classes)) : NONE,
  );
}

// Draws are the same each time: what is shown does not flicker, and can be told again.
function majorityRight(record, budget, wanted, classes) {
  const nameOf = (answer) => classOf(classes, answer)?.answer ?? answer;
  const answers = tracesOf(record).map((trace) => (isComplete(trace) && trace.answer !== null ? nameOf(trace.answer) : null));
  const random = seeded(budget);
  let right = 0;
  for (let i = 0; i < DRAWS; i += 1) right += winner(drawn(answers, budget, random)) === nameOf(wanted);
  return right / DRAWS;
}

function drawn(all, many, random) {
  const left = [...all];
  for (let i = 0; i < many; i += 1) {
    const other = i + Math.floor(random() * (left.length - i));
    [left[i], left[other]] = [left[other], left[i]];
  }
  return left.slice(0, many);
}

function winner(answers) {
  const votes = new Map();
  for (const answer of answers) if (answer !== null) votes.set(answer, (votes.get(answer) ?? 0) + 1);
  return [...votes].reduce((best, one) => (one[1] > best[1] ? one : best), [undefined, 0])[0];
}

// mulberry32
function seeded(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
