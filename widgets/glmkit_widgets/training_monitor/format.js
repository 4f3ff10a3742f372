// Formatting of numbers. Each function takes a number, a text such as "nan", or a missing value, and returns text.

const NOTHING = "–";

/** Return `form(value)` for a finite number, text unchanged, and a dash for a missing value. */
function orText(value, form) {
  if (typeof value === "string") return value;
  return Number.isFinite(value) ? form(value) : NOTHING;
}

/** Four significant digits; very small and very large values in exponential notation. */
export function formatValue(value) {
  return orText(value, (x) => {
    const size = Math.abs(x);
    if (size !== 0 && (size < 1e-3 || size >= 1e6)) return x.toExponential(2).replace("e+", "e");
    return size >= 1000 ? Math.round(x).toLocaleString("en") : String(Number(x.toPrecision(4)));
  });
}

/** A whole number with thousands separators. */
export function formatStep(value) {
  return orText(value, (x) => Math.round(x).toLocaleString("en"));
}

/** A count with three significant digits: 950, 12.3k, 1.20M. */
export function formatCount(value) {
  return orText(value, (x) => {
    for (const [unit, letter] of [[1e9, "G"], [1e6, "M"], [1e3, "k"]]) {
      if (Math.abs(x) >= unit * 0.9995) return `${(x / unit).toPrecision(3)}${letter}`;
    }
    return String(Number(x.toPrecision(3)));
  });
}

/** A duration in seconds, shown in its two largest units. */
export function formatDuration(value) {
  return orText(value, (x) => {
    const seconds = Math.max(0, Math.round(x));
    const [d, h, m, s] = [Math.floor(seconds / 86400), Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60, seconds % 60];
    if (d) return `${d} d ${h} h`;
    if (h) return `${h} h ${m} min`;
    if (m) return `${m} min ${s} s`;
    return `${s} s`;
  });
}

/** Label of an axis with ticks `step` apart, with just enough decimals to distinguish adjacent ticks. */
export function formatTick(value, step) {
  if (Math.abs(value) >= 1e4) return formatCount(value).replace(/\.?0+(?=[kMG]$)/, "");
  return value.toFixed(Math.max(0, Math.min(8, -Math.floor(Math.log10(step) + 1e-9))));
}
