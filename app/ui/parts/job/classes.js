// Which answers are one, as the vote has it, and the colour that each has everywhere on the page.

import { el } from "../../dom.js";
import { metadataOf, tracesOf } from "./record.js";

const COLOURS = 8;

/** Classes best first: {answer, votes, share, weight, spellings, colour}; before the vote by spelling. */
export function classesOf(record) {
  const voted = metadataOf(record.job)?.answer_distribution;
  const found = voted ? rankedOf(voted) : counted(record);
  const known = new Set(found.flatMap((one) => [one.answer, ...one.spellings]));
  const others = [...new Set(tracesOf(record).map((trace) => trace.answer))].filter((a) => a !== null && !known.has(a));
  const rest = others.map((answer) => ({ answer, votes: 0, share: 0, weight: 0, spellings: [answer] }));
  return [...found, ...rest].map((one, place) => ({ ...one, colour: `--class-${place % COLOURS}` }));
}

/** A vote's classes, best first: objects put names that are numbers first, whatever the response's order was. */
export const rankedOf = (voted) =>
  Object.entries(voted)
    .map(([answer, its]) => ({ answer, ...its }))
    .sort((one, other) => other.share - one.share);

function counted(record) {
  const votes = new Map();
  const ended = tracesOf(record).filter((trace) => trace.answer !== null && isComplete(trace));
  for (const { answer } of ended) votes.set(answer, (votes.get(answer) ?? 0) + 1);
  const rows = [...votes].sort((one, other) => other[1] - one[1]);
  return rows.map(([answer, its]) => ({ answer, votes: its, share: its / ended.length, weight: its, spellings: [answer] }));
}

/** Whether a trace came to an end of its own. */
export const isComplete = (trace) => !["failed", "stopped"].includes(trace.finish_reason);

/** The class that an answer belongs to, or null. */
export const classOf = (classes, answer) =>
  answer === null ? null : (classes.find((one) => one.answer === answer || one.spellings.includes(answer)) ?? null);

/** The custom property with the colour of an answer. */
export const colourOf = (classes, answer) => classOf(classes, answer)?.colour ?? "--class-none";

export const dot = (property) => el("span", { class: "dot", "aria-hidden": "true", style: { "--dot": `var(${property})` } });
