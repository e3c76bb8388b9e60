// What two jobs were asked; what differs is marked.

import { el, fill } from "../../dom.js";
import { NONE, cut } from "../../format.js";

/** The table of all parameters; at first only of those that differ. */
export function parameterTable(both) {
  const requests = both.map(({ job }) => job.request ?? {});
  const names = [...new Set(requests.flatMap((one) => Object.keys(one)))];
  const rows = names.map((name) => row(name, requests.map((one) => one[name])));
  const differing = rows.filter((one) => one.className === "differs");
  const body = el("tbody");
  const show = (all) => fill(body, all ? rows : differing.length ? differing : same());
  const all = el("input", { type: "checkbox", id: "all-parameters", onchange: () => show(all.checked) });
  show(false);
  const heads = ["Parameter", "A", "B"].map((name) => el("th", { scope: "col" }, name));
  return el(
    "section",
    { class: "panel", "aria-label": "Parameters" },
    el(
      "header",
      {},
      el("h2", {}, "Parameters"),
      el("span", { class: "faint small" }, `${differing.length} of ${rows.length} differ`),
      el("label", { for: "all-parameters" }, all, "Show all"),
    ),
    el("div", { class: "scroll" }, el("table", { class: "pairs" }, el("thead", {}, el("tr", {}, heads)), body)),
  );
}

function row(name, values) {
  const text = values.map((value) => (value === undefined ? NONE : said(value)));
  return el(
    "tr",
    { class: text[0] === text[1] ? "" : "differs" },
    el("th", { scope: "row" }, name),
    text.map((one) => el("td", { class: "mono", title: cut(one, 2000) }, cut(one, 300))),
  );
}

const said = (value) => (typeof value === "string" ? value : JSON.stringify(value));

const same = () => el("tr", {}, el("td", { colspan: 3, class: "faint" }, "Both were asked the same."));
