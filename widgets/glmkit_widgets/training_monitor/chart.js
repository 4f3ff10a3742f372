// The chart: SVG elements that are created once and then updated. Independent of the widget's model.

import { linearScale, linePath, nearest, rangePath, readTable, thin, ticks, visibleRange } from "./geometry.js";
import { formatStep, formatTick, formatValue } from "./format.js";

const SVG = "http://www.w3.org/2000/svg";
const MARGIN = { top: 10, right: 14, bottom: 24, left: 46 };
const DOTS = 60; // maximum number of validation points that are marked by dots
let charts = 0; // counter for unique names of the clip paths on a page

/** Create an element with attributes and children; SVG elements get the SVG namespace. */
export function make(name, attributes = {}, ...children) {
  const inSvg = ["svg", "g", "path", "line", "text", "circle", "rect", "clipPath", "defs"].includes(name);
  const element = inSvg ? document.createElementNS(SVG, name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/** Create a chart of `height` pixels; returns its element and `draw(train, validation, lastStep)`. The axis extends at least to `lastStep`. */
export function makeChart(height, onPoint) {
  const clip = `glmkit-monitor-clip-${++charts}`;
  const clipRect = make("rect");
  const [grid, dots, gaps] = [make("g", { class: "grid" }), make("g", { class: "dots" }), make("g", { class: "gaps" })];
  const raw = make("path", { class: "raw" });
  const smooth = make("path", { class: "train" });
  const validationLine = make("path", { class: "validation" });
  const cursor = make("line", { class: "cursor", visibility: "hidden" });
  const svg = make(
    "svg",
    { class: "chart", height, role: "img", "aria-label": "loss against step" },
    make("defs", {}, make("clipPath", { id: clip }, clipRect)),
    grid,
    make("g", { "clip-path": `url(#${clip})` }, raw, smooth),
    validationLine,
    dots,
    gaps,
    cursor,
  );
  let drawn = null;

  function draw(trainBytes, validationBytes, lastStep) {
    const width = svg.clientWidth;
    if (width <= MARGIN.left + MARGIN.right) return; // not on the page yet, or hidden
    const plot = { left: MARGIN.left, right: width - MARGIN.right, top: MARGIN.top, bottom: height - MARGIN.bottom };
    const train = thin(readTable(trainBytes), plot.right - plot.left);
    const validation = thin(readTable(validationBytes), plot.right - plot.left);
    const last = Math.max(1, lastStep, train.step.at(-1) ?? 0, validation.step.at(-1) ?? 0);
    const [low, high] = visibleRange(train, validation);
    const x = linearScale([0, last], [plot.left, plot.right]);
    const y = linearScale([low, high], [plot.bottom, plot.top]);
    const [across, up] = [(values) => values.map(x.at), (values) => values.map(y.at)];
    const middle = validation.low.map((value, i) => (value + validation.high[i]) / 2);

    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    for (const [key, value] of Object.entries({ x: plot.left, y: plot.top, width: plot.right - plot.left, height: plot.bottom - plot.top })) {
      clipRect.setAttribute(key, value);
    }
    raw.setAttribute("d", rangePath(across(train.step), up(train.low), up(train.high)));
    smooth.setAttribute("d", linePath(across(train.step), up(train.smooth)));
    validationLine.setAttribute("d", linePath(across(validation.step), up(middle)));
    const marked = validation.step.length <= DOTS ? validation.step : [];
    dots.replaceChildren(
      ...marked.flatMap((step, i) => (Number.isFinite(middle[i]) ? [make("circle", { cx: x.at(step), cy: y.at(middle[i]), r: 3 })] : [])),
    );
    gaps.replaceChildren(
      ...[train, validation].flatMap((table) =>
        table.step.filter((_, i) => table.gaps[i] > 0).map((step) => cross(x.at(step), plot.bottom - 7)),
      ),
    );
    grid.replaceChildren(...axes(plot, x, y, [0, last], train.step.length + validation.step.length ? [low, high] : null));
    drawn = { x, plot, width, train, validation, middle };
  }

  /** Show the values at the pointer. */
  function point(event) {
    const box = svg.getBoundingClientRect();
    const step = drawn && drawn.x.back(((event.clientX - box.left) * drawn.width) / box.width);
    const i = drawn ? nearest(drawn.train.step, step) : -1;
    if (i < 0) return leave();
    const at = drawn.x.at(drawn.train.step[i]);
    for (const [key, value] of Object.entries({ x1: at, x2: at, y1: drawn.plot.top, y2: drawn.plot.bottom, visibility: "visible" })) {
      cursor.setAttribute(key, value);
    }
    const j = nearest(drawn.validation.step, drawn.train.step[i]);
    const words = [`step ${formatStep(drawn.train.step[i])}`, `loss ${formatValue(drawn.train.smooth[i])}`];
    if (j >= 0) words.push(`validation ${formatValue(drawn.middle[j])} at step ${formatStep(drawn.validation.step[j])}`);
    return onPoint(words.join("  ·  "));
  }

  function leave() {
    cursor.setAttribute("visibility", "hidden");
    onPoint("");
  }

  svg.addEventListener("pointermove", point);
  svg.addEventListener("pointerleave", leave);
  return { svg, draw };
}

/** Grid lines and labels; `values` is null before the first point. */
function axes(plot, x, y, steps, values) {
  const parts = [make("line", { class: "axis", x1: plot.left, x2: plot.right, y1: plot.bottom, y2: plot.bottom })];
  const levels = values ? ticks(...values, Math.max(2, (plot.bottom - plot.top) / 36)) : [];
  for (const level of levels) {
    const height = y.at(level);
    parts.push(make("line", { x1: plot.left, x2: plot.right, y1: height, y2: height }));
    const label = formatTick(level, levels[1] - levels[0] || 1);
    parts.push(make("text", { x: plot.left - 8, y: height, class: "level" }, label));
  }
  const stops = ticks(...steps, Math.max(2, (plot.right - plot.left) / 90)).filter((stop) => Number.isInteger(stop));
  for (const stop of stops) {
    parts.push(make("text", { x: x.at(stop), y: plot.bottom + 16, class: "step" }, stop < 1e4 ? formatStep(stop) : formatTick(stop, 1)));
  }
  return parts;
}

/** Mark of a non-finite loss. */
function cross(x, y) {
  return make("path", { d: `M${x - 3} ${y - 3}L${x + 3} ${y + 3}M${x - 3} ${y + 3}L${x + 3} ${y - 3}` });
}
