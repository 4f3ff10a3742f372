// Geometry of the chart as pure functions: they take numbers and return numbers and SVG path text.
// A table is an object of arrays {step, low, high, smooth, gaps} of equal length, with one entry per bucket of the curve.

const ROWS = ["step", "low", "high", "smooth", "gaps"];

/** Read a table from the bytes of Curve.table(): little-endian float64, row after row. */
export function readTable(view) {
  const length = view ? Math.floor(view.byteLength / 8 / ROWS.length) : 0;
  const table = {};
  ROWS.forEach((name, row) => {
    table[name] = Array.from({ length }, (_, column) => view.getFloat64(8 * (row * length + column), true));
  });
  return table;
}

/** A linear map from domain to range; a domain without width maps to the middle of the range. */
export function linearScale([from, to], [start, end]) {
  const width = to - from;
  return {
    at: (x) => (width === 0 ? (start + end) / 2 : start + ((x - from) / width) * (end - start)),
    back: (y) => (end === start ? from : from + ((y - start) / (end - start)) * width),
  };
}

/** Round positions (1, 2 or 5 times a power of ten apart) inside [low, high], at most about `count`. */
export function ticks(low, high, count) {
  if (!(high > low) || count < 1) return Number.isFinite(low) ? [low] : [];
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find((times) => times * power >= rough * (1 - 1e-9)) * power;
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  // Multiples of a step below one have rounding errors, such as 3 * 0.1; they are rounded to the digits of the step.
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toFixed(Math.min(digits, 20))));
}

/** Quantile of the finite values; NaN if there are none. */
export function quantile(values, fraction) {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b);
  return sorted.length ? sorted[Math.min(sorted.length - 1, Math.floor(fraction * sorted.length))] : NaN;
}

/** Range of the axis: all values except rare spikes of the raw curve, which would compress the rest. */
export function visibleRange(train, validation) {
  const lows = [quantile(train.low, 0), quantile(validation.low, 0)].filter(Number.isFinite);
  const highs = [quantile(train.high, 0.985), quantile(validation.high, 1)].filter(Number.isFinite);
  if (!lows.length) return [0, 1];
  const low = Math.min(...lows);
  const high = Math.max(...highs);
  const margin = high > low ? 0.05 * (high - low) : 0.05 * (Math.abs(low) || 1);
  return [low - margin, high + margin];
}

/** Path through the points; a non-finite value interrupts the line. */
export function linePath(xs, ys) {
  let path = "";
  let drawing = false;
  for (let i = 0; i < xs.length; i++) {
    const finite = Number.isFinite(xs[i]) && Number.isFinite(ys[i]);
    if (finite) path += `${drawing ? "L" : "M"}${short(xs[i])} ${short(ys[i])}`;
    drawing = finite;
  }
  return path;
}

/** Path through both extremes of each bucket, the nearer one first; a bucket with one value gives one point. */
export function rangePath(xs, lows, highs) {
  const px = [];
  const py = [];
  let before = NaN;
  for (let i = 0; i < xs.length; i++) {
    const turned = Math.abs(highs[i] - before) < Math.abs(lows[i] - before);
    const [first, second] = turned ? [highs[i], lows[i]] : [lows[i], highs[i]];
    px.push(xs[i]);
    py.push(first);
    if (second !== first && Number.isFinite(second)) {
      px.push(xs[i]);
      py.push(second);
    }
    before = second;
  }
  return linePath(px, py);
}

/** Merge adjacent buckets until at most `columns` are left, because more cannot be distinguished on that many pixels. */
export function thin(table, columns) {
  const length = table.step.length;
  const size = Math.ceil(length / Math.max(1, Math.floor(columns)));
  if (size <= 1) return table;
  const out = { step: [], low: [], high: [], smooth: [], gaps: [] };
  for (let start = 0; start < length; start += size) {
    const part = (name) => table[name].slice(start, start + size);
    const finite = part("smooth").filter(Number.isFinite);
    out.step.push(part("step").at(-1));
    out.low.push(quantile(part("low"), 0));
    out.high.push(quantile(part("high"), 1));
    out.smooth.push(finite.length ? finite.reduce((a, b) => a + b) / finite.length : NaN);
    out.gaps.push(part("gaps").reduce((a, b) => a + b));
  }
  return out;
}

/** Index of the entry nearest to `x` in the increasing array `xs`; -1 if the array is empty. */
export function nearest(xs, x) {
  let low = 0;
  let high = xs.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (xs[middle] < x) low = middle + 1;
    else high = middle;
  }
  return low > 0 && x - xs[low - 1] <= xs[low] - x ? low - 1 : high < 0 ? -1 : low;
}

/** Round to a tenth of a pixel, which keeps paths short. */
function short(value) {
  return Number(value.toFixed(1));
}
