// Geometry and words of the training monitor, without a browser: node --test tests/unit/widgets/
import assert from "node:assert/strict";
import { test } from "node:test";

const folder = new URL("../../../widgets/glmkit_widgets/training_monitor/", import.meta.url);
const { linearScale, linePath, nearest, quantile, rangePath, readTable, thin, ticks, visibleRange } = await import(new URL("geometry.js", folder));
const { formatCount, formatDuration, formatStep, formatTick, formatValue } = await import(new URL("format.js", folder));

const table = (step, low, high = low, smooth = low, gaps = step.map(() => 0)) => ({ step, low, high, smooth, gaps });

test("readTable reads rows of little-endian float64, wherever they start in the buffer", () => {
  const rows = [[1, 2, 3], [4, NaN, 6], [7, NaN, 9], [5, NaN, 8], [0, 1, 0]];
  const bytes = new ArrayBuffer(3 + 8 * 15);
  const view = new DataView(bytes, 3); // not aligned
  rows.flat().forEach((value, i) => view.setFloat64(8 * i, value, true));
  assert.deepEqual(readTable(view), { step: rows[0], low: rows[1], high: rows[2], smooth: rows[3], gaps: rows[4] });
  assert.deepEqual(readTable(new DataView(new ArrayBuffer(0))).step, []);
  assert.deepEqual(readTable(undefined).low, []);
});

test("linearScale maps the ends, inverts itself and survives a domain without width", () => {
  const scale = linearScale([10, 30], [100, 0]);
  assert.equal(scale.at(10), 100);
  assert.equal(scale.at(30), 0);
  assert.equal(scale.back(scale.at(17)), 17);
  assert.equal(linearScale([5, 5], [0, 80]).at(5), 40);
});

test("ticks are round, inside the range and free of rounding noise", () => {
  assert.deepEqual(ticks(0, 4000, 4), [0, 1000, 2000, 3000, 4000]);
  assert.deepEqual(ticks(0.07, 0.63, 6), [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]);
  assert.deepEqual(ticks(-0.3, 0.3, 3), [-0.2, 0, 0.2]);
  assert.deepEqual(ticks(1.1, 1.1, 5), [1.1]);
  assert.deepEqual(ticks(NaN, NaN, 5), []);
  for (const [low, high] of [[0, 1e6], [1.37, 1.3702], [-8e-7, 3e-7], [0, 3]]) {
    const found = ticks(low, high, 6);
    assert.ok(found.length >= 2 && found.length <= 7, `${found.length} ticks for ${low}..${high}`);
    assert.ok(found.every((x) => x >= low - 1e-12 && x <= high + 1e-12));
  }
});

test("linePath lifts the pen at a gap", () => {
  assert.equal(linePath([0, 1, 2, 3, 4], [5, 6, NaN, 8.04, 9]), "M0 5L1 6M3 8L4 9");
  assert.equal(linePath([0, 1], [Infinity, NaN]), "");
});

test("rangePath passes both extremes of a bucket, the nearer first", () => {
  assert.equal(rangePath([0, 1], [2, 3], [2, 3]), "M0 2L1 3");
  assert.equal(rangePath([0, 1, 2], [1, 1, 4], [3, 3, 4]), "M0 1L0 3L1 3L1 1L2 4");
  assert.equal(rangePath([0, 1, 2], [1, NaN, 2], [1, NaN, 2]), "M0 1M2 2");
});

test("thin keeps extremes, gaps and the last step in no more columns than asked", () => {
  const length = 1001;
  const steps = Array.from({ length }, (_, i) => 10 * i);
  const values = steps.map((_, i) => (i === 333 ? 99 : i === 700 ? NaN : 1 + i / length));
  const gaps = values.map((value) => (Number.isNaN(value) ? 2 : 0));
  const out = thin(table(steps, values, values, values, gaps), 240);
  assert.ok(out.step.length <= 240 && out.step.length > 120);
  assert.equal(Math.max(...out.high), 99);
  assert.equal(out.gaps.reduce((a, b) => a + b), 2);
  assert.equal(out.step.at(-1), 10000);
  const few = table([1, 2], [3, 4]);
  assert.equal(thin(few, 240), few);
});

test("visibleRange leaves a rare spike out and keeps every validation value in", () => {
  const values = Array.from({ length: 300 }, (_, i) => 2 - i / 300);
  values[5] = 1e6;
  const [low, high] = visibleRange(table(values.map((_, i) => i), values), table([100], [2.5]));
  assert.ok(low < 1.0034 && low > 0.8, low);
  assert.ok(high > 2.5 && high < 3, high);
  assert.deepEqual(visibleRange(table([], []), table([], [])), [0, 1]);
  const [flatLow, flatHigh] = visibleRange(table([1, 2], [0.7, 0.7]), table([], []));
  assert.ok(flatLow < 0.7 && flatHigh > 0.7);
});

test("quantile and nearest", () => {
  assert.equal(quantile([3, NaN, 1, 2], 0), 1);
  assert.equal(quantile([3, NaN, 1, 2], 1), 3);
  assert.ok(Number.isNaN(quantile([], 0.5)));
  assert.deepEqual([-5, 1.4, 1.6, 4, 99].map((x) => nearest([1, 2, 8], x)), [0, 0, 1, 1, 2]);
  assert.equal(nearest([], 3), -1);
});

test("numbers in words", () => {
  assert.deepEqual([1.23456, 0, 0.0003, 12345.6, 2.5e7, "nan", undefined].map(formatValue), ["1.235", "0", "3.00e-4", "12,346", "2.50e7", "nan", "–"]);
  assert.deepEqual([950, 12345, 1.2e6, 3e9, null].map(formatCount), ["950", "12.3k", "1.20M", "3.00G", "–"]);
  assert.deepEqual([0, 59.6, 125, 7260, 266400].map(formatDuration), ["0 s", "1 min 0 s", "2 min 5 s", "2 h 1 min", "3 d 2 h"]);
  assert.equal(formatStep(1234567), "1,234,567");
  assert.deepEqual([formatTick(0.2, 0.1), formatTick(3, 1), formatTick(20000, 10000), formatTick(1.5e6, 5e5)], ["0.2", "3", "20k", "1.5M"]);
});
