// How confident the traces of two jobs were: for each job the share of its traces in equal steps of confidence.

import { el, fill } from "../../dom.js";
import { nats, percent } from "../../format.js";
import { colour, onTheme } from "../theme.js";

const MEASURES = ["mean", "tail", "bottom10", "lowest_group"];
const STEPS = 16;
const HEIGHT_PX = 220;

/** A panel with the chart; `draw` it once it is on the page, `destroy` it in the end. */
export function confidenceChart(both) {
  const place = el("div", { class: "chart" });
  const measure = el(
    "select",
    { "aria-label": "Measure", onchange: draw },
    MEASURES.map((name) => el("option", {}, name)),
  );
  let plot = null;

  function draw() {
    plot?.destroy();
    plot = null;
    const values = both.map(({ traces }) => valuesOf(traces, measure.value));
    if (!values.flat().length) return fill(place, el("p", { class: "faint" }, "No trace has a confidence."));
    fill(place);
    plot = new uPlot(options(place.clientWidth), histograms(values), place);
  }

  const watching = new ResizeObserver(() => plot?.setSize({ width: place.clientWidth, height: HEIGHT_PX }));
  watching.observe(place);
  const unbind = onTheme(draw);
  const node = el(
    "section",
    { class: "panel", "aria-label": "Confidences" },
    el("header", {}, el("h2", {}, "Confidence of the traces"), el("span", { class: "grow" }), measure),
    place,
  );
  const destroy = () => {
    watching.disconnect();
    unbind();
    plot?.destroy();
  };
  return { node, draw, destroy };
}

const valuesOf = (traces, measure) =>
  traces.map((trace) => trace.confidence?.[measure]).filter((value) => Number.isFinite(value));

/** The edges of the steps, and for each job the share of its traces from each edge to the next. */
export function histograms(values) {
  const all = values.flat();
  const low = Math.min(...all);
  const step = (Math.max(...all) - low) / STEPS || 1 / STEPS;
  const edges = Array.from({ length: STEPS + 1 }, (_, i) => low + i * step);
  const shares = values.map((some) => {
    const counts = new Array(STEPS + 1).fill(0);
    for (const value of some) counts[Math.min(STEPS - 1, Math.floor((value - low) / step))] += 1;
    counts[STEPS] = counts[STEPS - 1];
    return counts.map((count) => (some.length ? count / some.length : null));
  });
  return [edges, ...shares];
}

function options(width) {
  const axis = { stroke: colour("--faint"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false } };
  return {
    width,
    height: HEIGHT_PX,
    scales: { x: { time: false }, y: { range: (_, __, most) => [0, Math.max(0.1, most * 1.1)] } },
    axes: [
      { ...axis, label: "nats", labelSize: 18, values: (_, at) => at.map((x) => x.toFixed(1)) },
      { ...axis, values: (_, at) => at.map(percent), size: 52 },
    ],
    series: [{ label: "from", value: (_, x) => nats(x) }, series("A", "--class-0"), series("B", "--class-1")],
  };
}

function series(label, name) {
  const paint = colour(name);
  return {
    label,
    stroke: paint,
    fill: `color-mix(in srgb, ${paint} 25%, transparent)`,
    width: 2,
    paths: uPlot.paths.stepped({ align: 1 }),
    points: { show: false },
    value: (_, share) => percent(share),
  };
}
