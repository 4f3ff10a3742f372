// Numbers as a reader wants them. Every function takes a number, or text such as "nan", or nothing, and gives text.

const NOTHING = "–";

/** Give `form(value)` for a finite number, text as it is, and a dash for nothing. */
function orText(value, form) {
  if (typeof value === "string") return value;
  return Number.isFinite(value) ? form(value) : NOTHING;
}

/** Four significant digits; very small and very large values by power of ten. */
export function formatValue(value) {
  return orText(value, (x) => {
    const size = Math.abs(x);
    if (size !== 0 && (size < 1e-3 || size >= 1e6)) return x.toExponential(2).replace("e+", "e");
    return size >= 1000 ? Math.round(x).toLocaleString("en") : String(Number(x.toPrecision(4)));
  });
}

/** A whole number with thousands set apart. */
export function formatStep(value) {
  return orText(value, (x) => Math.round(x).toLocaleString("en"));
}

/** A count in three digits: 950, 12.3k, 1.20M. */
export function formatCount(value) {
  return orText(value, (x) => {
    for (const [unit, letter] of [[1e9, "G"], [1e6, "M"], [1e3, "k"]]) {
      if (Math.abs(x) >= unit * 0.9995) return `${(x / unit).toPrecision(3)}${letter}`;
    }
    return String(Number(x.toPrecision(3)));
  });
}

/** Seconds as the two largest units that matter. */
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

/** A label of an axis whose ticks are `step` apart: as many decimals as tell neighbours apart, no more. */
export function formatTick(value, step) {
  if (Math.abs(value) >= 1e4) return formatCount(value).replace(/\.?0+(?=[kMG]$)/, "");
  return value.toFixed(Math.max(0, Math.min(8, -Math.floor(Math.log10(step) + 1e-9))));
}
