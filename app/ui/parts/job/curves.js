// Group confidence over the length of each trace, the threshold, and where traces were stopped.

import { el, fill } from "../../dom.js";
import { nats } from "../../format.js";
import { colour, onTheme } from "../theme.js";
import { colourOf } from "./classes.js";
import { runningOf, tracesOf } from "./record.js";

const HEIGHT_PX = 300;
const POINTS = 900;

/** The panel. `select` is called with the index of the trace that is clicked, `windowChanged` with the group
 * size that the user has `chosen`; without one it is the job's own, or a quarter of shorter traces. */
export function curves({ chosen, own }, select, windowChanged) {
  let plot = null;
  let wanted = chosen;
  let shown = null;
  const place = el("div", { class: "plot" });
  const slider = el("input", { type: "range", min: 1, max: 100, id: "window", oninput: slid });
  const label = el("output", { for: "window" });
  const watching = new ResizeObserver(() => plot?.setSize({ width: place.clientWidth, height: HEIGHT_PX }));
  watching.observe(place);
  const unbind = onTheme(draw);

  function slid() {
    wanted = Number(slider.value);
    windowChanged(wanted);
    draw();
  }

  function update(record, classes, selected) {
    shown = { record, classes, selected };
    const growing = runningOf(record).map((curve) => curve.confidences.length * curve.tokens_per_point);
    const longest = Math.max(1, ...growing, ...tracesOf(record).map((trace) => trace.token_confidences?.length ?? 0));
    slider.max = Math.max(2, longest);
    slider.value = wanted ?? Math.min(own(record), Math.max(1, Math.round(longest / 4)));
    draw();
  }

  function draw() {
    if (!shown) return;
    label.textContent = `${slider.value} tokens`;
    const lines = linesOf(shown, Number(slider.value));
    plot?.destroy();
    plot = null;
    if (!lines.length) return fill(place, el("p", { class: "faint" }, none(shown.record)));
    fill(place);
    plot = new uPlot(options(place, lines, shown), aligned(lines), place);
    plot.over.addEventListener("click", () => {
      const near = lines[nearest(plot, lines)];
      if (near && !near.running) select(near.trace.index);
    });
  }

  const destroy = () => {
    unbind();
    watching.disconnect();
    plot?.destroy();
  };
  const node = el(
    "section",
    { class: "panel", "aria-label": "Confidence curves" },
    el("header", {}, el("h2", {}, "Group confidence along each trace"), el("span", { class: "grow" }), el("label", { class: "row", for: "window" }, "Group of ", slider, label)),
    place,
    el("p", { class: "faint small legend" }, "A line a trace, in the colour of its answer; ✕ is where one was stopped; traces that are still being written are dotted, the dashed line is the threshold. Click a line to read its trace."),
  );
  return { node, update, destroy };
}

const none = (record) =>
  tracesOf(record).length
    ? "The confidences of single tokens were not kept. Send “tts_keep_confidences”: true with a request to have them."
    : "No trace has been read yet.";

/** Means over every full window, stride 1; a trace that is shorter is one group, as in the vote. */
export function groups(values, window) {
  const width = Math.min(window, values.length);
  const means = [];
  let sum = 0;
  for (let i = 0; i < values.length; i += 1) {
    sum += values[i] - (i >= width ? values[i - width] : 0);
    if (i >= width - 1) means.push([i + 1, sum / width]);
  }
  return means;
}

function linesOf({ record, classes, selected }, window) {
  const kept = tracesOf(record).filter((trace) => trace.token_confidences?.length);
  const step = Math.max(1, Math.ceil(Math.max(0, ...kept.map((trace) => trace.token_confidences.length)) / POINTS));
  const ended = kept.map((trace) => {
    const all = groups(trace.token_confidences, window);
    const points = all.filter(([at], i) => at % step === 0 || i === all.length - 1 || i === 0);
    return { trace, points, stroke: colour(colourOf(classes, trace.answer)), chosen: trace.index === selected };
  });
  return [...ended, ...runningOf(record).map((curve) => growing(curve, window))];
}

// What is known of a running trace are means of several tokens: a group is as many of them as fit in it.
function growing({ index, tokens_per_point: width, confidences }, window) {
  const points = groups(confidences, Math.max(1, Math.round(window / width))).map(([at, value]) => [at * width, value]);
  return { trace: { index }, points, stroke: colour("--faint"), chosen: false, running: true };
}

function aligned(lines) {
  const xs = [...new Set(lines.flatMap(({ points }) => points.map(([at]) => at)))].sort((a, b) => a - b);
  const place = new Map(xs.map((at, i) => [at, i]));
  const columns = lines.map(({ points }) => {
    const column = new Array(xs.length).fill(undefined);
    for (const [at, value] of points) column[place.get(at)] = value;
    return column;
  });
  return [xs, ...columns];
}

function options(place, lines, { record, selected }) {
  const chosen = lines.some((line) => line.chosen) && selected !== null;
  const axis = { stroke: colour("--faint"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line") } };
  const lone = (line) => line.points.length === 1;
  return {
    width: place.clientWidth,
    height: HEIGHT_PX,
    legend: { show: false },
    cursor: { drag: { x: true, y: false }, points: { show: false } },
    scales: { x: { time: false }, y: { range: (_, low, high) => spanned(low, high, record.threshold) } },
    axes: [
      { ...axis, label: "tokens", labelSize: 18, labelFont: "11px system-ui", size: 34 },
      { ...axis, label: "nats", labelSize: 18, labelFont: "11px system-ui", size: 46 },
    ],
    series: [
      {},
      ...lines.map((line) => ({
        stroke: line.stroke,
        dash: line.running ? [2, 3] : undefined,
        width: line.chosen ? 2.5 : 1.2,
        alpha: chosen && !line.chosen ? 0.22 : 0.85,
        spanGaps: true,
        points: { show: lone(line), size: 6, fill: line.stroke },
      })),
    ],
    hooks: { draw: [(plot) => marks(plot, lines, record.threshold)] },
  };
}

function spanned(low, high, threshold) {
  const lowest = Math.min(low ?? 0, threshold ?? Infinity);
  const highest = Math.max(high ?? 1, threshold ?? -Infinity);
  const room = (highest - lowest || 1) * 0.06;
  return [lowest - room, highest + room];
}

function marks(plot, lines, threshold) {
  const { ctx, bbox } = plot;
  const scale = devicePixelRatio;
  ctx.save();
  ctx.font = `${11 * scale}px system-ui, sans-serif`;
  if (threshold !== null) {
    const y = plot.valToPos(threshold, "y", true);
    ctx.strokeStyle = ctx.fillStyle = colour("--bad");
    ctx.setLineDash([6 * scale, 4 * scale]);
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
    ctx.textAlign = "right";
    ctx.fillText(`threshold ${nats(threshold)}`, bbox.left + bbox.width - 4 * scale, y - 4 * scale);
  }
  ctx.setLineDash([]);
  for (const { trace, points } of lines) if (trace.stop_reason) cross(plot, ctx, points.at(-1), scale);
  ctx.restore();
}

function cross(plot, ctx, [at, value], scale) {
  const [x, y, r] = [plot.valToPos(at, "x", true), plot.valToPos(value, "y", true), 4 * scale];
  ctx.strokeStyle = colour("--ink");
  ctx.lineWidth = 1.6 * scale;
  ctx.beginPath();
  ctx.moveTo(x - r, y - r);
  ctx.lineTo(x + r, y + r);
  ctx.moveTo(x + r, y - r);
  ctx.lineTo(x - r, y + r);
  ctx.stroke();
}

function nearest(plot, lines) {
  const at = plot.posToVal(plot.cursor.left, "x");
  const value = plot.posToVal(plot.cursor.top, "y");
  const away = lines.map(({ points }) => {
    const [x, y] = points.reduce((best, point) => (Math.abs(point[0] - at) < Math.abs(best[0] - at) ? point : best));
    return Math.abs(y - value) + (Math.abs(x - at) > 20 ? 1e6 : 0);
  });
  return away.indexOf(Math.min(...away));
}
