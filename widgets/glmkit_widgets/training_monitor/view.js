// The view: a heading with the status and the stop button, the chart, and the numbers.
// All text is set by textContent, so that markup in logged values stays text.

import { formatCount, formatDuration, formatStep, formatValue } from "./format.js";
import { make, makeChart } from "./chart.js";

const AGAIN = 1500; // milliseconds until a message without a reply is sent again
const PATIENCE = 4; // number of attempts, after which an explanation is shown
const UNANSWERED =
  "The kernel has not replied yet. A click reaches a busy kernel only through a subshell (JupyterLab 4.4 or later with " +
  "ipykernel 7 or later). In other front ends, interrupt the kernel to stop.";
const STATUS = { waiting: "waiting for the first step", training: "training", stopping: "stopping", stopped: "stopped", finished: "finished", failed: "failed" };
const TILES = [
  ["loss", "loss", formatValue],
  ["validation_loss", "validation", formatValue],
  ["best_validation", "best validation", formatValue],
  ["learning_rate", "learning rate", formatValue],
  ["gradient_norm", "gradient norm", formatValue],
  ["tokens_per_second", "tokens/s", formatCount],
  ["memory_gb", "memory", (value) => (typeof value === "number" ? `${value.toFixed(2)} GB` : formatValue(value))],
  ["elapsed_seconds", "elapsed", formatDuration],
  ["eta_seconds", "time left", formatDuration],
];
const NOT_TILES = new Set([...TILES.map(([name]) => name), "step", "best_step", "nonfinite_step"]);
const OTHERS = 6; // maximum number of other metrics that are shown

/** Send a message until `answered()` is true, at most `PATIENCE` times; then call `giveUp`. Returns a function that stops sending.
 *
 * The first message of a view may be sent before JupyterLab has opened its subshell; it then waits for the end of the cell. */
function insist(model, message, answered, giveUp = () => {}) {
  let sent = 0;
  let timer = 0;
  function send() {
    if (answered()) return;
    if (sent === PATIENCE) return giveUp();
    model.send(message);
    sent += 1;
    timer = setTimeout(send, AGAIN);
  }
  send();
  return () => clearTimeout(timer);
}

/** Stop button and its text: idle, clicked (not yet received by the loop), stopping, ended. */
function makeStop(model) {
  const button = make("button", { class: "stop", type: "button" });
  const hint = make("div", { class: "hint", role: "status" });
  let clicked = false;
  let end = () => {};
  button.addEventListener("click", () => {
    clicked = true;
    end = insist(model, { type: "stop", run: model.get("run") }, () => !clicked, () => (hint.textContent = UNANSWERED));
    show();
  });
  function show() {
    const status = model.get("status");
    if (status !== "training") {
      clicked = false;
      end();
      hint.textContent = "";
    }
    button.disabled = clicked || status !== "training";
    button.hidden = !["training", "stopping"].includes(status);
    button.textContent = status === "stopping" ? "Stopping at the next checkpoint…" : clicked ? "Waiting for the loop…" : "Stop at the next checkpoint";
  }
  return { button, hint, show, dispose: () => end() };
}

/** Text next to the status dot. */
function headline(status, step, total, detail) {
  const where = status === "stopped" || status === "failed" ? ` at step ${formatStep(step)}` : "";
  const count = where || status === "waiting" ? "" : `  ·  step ${formatStep(step)}${total ? ` of ${formatStep(total)}` : ""}`;
  return `${STATUS[status]}${where}${count}${detail ? `  ·  ${detail}` : ""}`;
}

/** Tile with a number and its label. */
function tile(name, label, value) {
  return make("div", { class: "tile", "data-name": name }, make("span", { class: "label" }, label), make("span", { class: "value" }, value));
}

/** Tiles of all available numbers; the remaining time is shown only while the run is active. */
function tiles(numbers, running) {
  const known = TILES.filter(([name]) => (numbers[name] ?? null) !== null && (running || name !== "eta_seconds"));
  const others = Object.keys(numbers).filter((name) => !NOT_TILES.has(name)).slice(0, OTHERS);
  const shown = known.map(([name, label, form]) => tile(name, label, form(numbers[name])));
  const best = shown.find((element) => element.dataset.name === "best_validation");
  if (best) best.lastChild.append(make("span", { class: "note" }, ` at step ${formatStep(numbers.best_step)}`));
  return [...shown, ...others.map((name) => tile(name, name.replaceAll("_", " "), formatValue(numbers[name])))];
}

function render({ model, el }) {
  const stop = makeStop(model);
  const status = make("span", { class: "status", role: "status" });
  const bar = make("div", { class: "bar" });
  const progress = make("div", { class: "progress" }, bar);
  const readout = make("span", { class: "readout" });
  const chart = makeChart(model.get("height"), (text) => (readout.textContent = text));
  const title = make("span", { class: "title" });
  const warning = make("div", { class: "warning" });
  const numbers = make("div", { class: "tiles" });
  const key = (name, text) => make("span", { class: `key ${name}` }, text);
  const legend = make("div", { class: "legend" }, key("train", "train"), key("validation", "validation"), readout);
  const root = make(
    "div",
    { class: "glmkit-monitor" },
    make("div", { class: "head" }, make("div", { class: "names" }, title, status), stop.button),
    stop.hint,
    progress,
    legend,
    chart.svg,
    warning,
    numbers,
  );
  let frame = 0;

  function draw() {
    frame = 0;
    const [state, values, total] = [model.get("status"), model.get("numbers"), model.get("total_steps")];
    const running = ["waiting", "training", "stopping"].includes(state);
    const step = values.step ?? 0;
    root.dataset.status = state;
    title.textContent = model.get("title");
    status.textContent = headline(state, step, total, model.get("detail"));
    progress.hidden = !total;
    bar.style.width = `${Math.min(100, (100 * step) / Math.max(1, total))}%`;
    legend.classList.toggle("without-validation", !(model.get("validation")?.byteLength > 0));
    warning.textContent = values.nonfinite_step == null ? "" : `The loss was not finite at step ${formatStep(values.nonfinite_step)} (marked × above).`;
    numbers.replaceChildren(...tiles(values, running));
    stop.show();
    chart.draw(model.get("train"), model.get("validation"), running ? total : 0);
  }
  // Several traits change in one message; they are drawn once, at the next frame.
  const later = () => (frame ||= requestAnimationFrame(draw));
  const names = ["title", "total_steps", "status", "detail", "numbers", "train", "validation"].map((name) => `change:${name}`);
  names.forEach((name) => model.on(name, later));
  const resized = new ResizeObserver(later);
  resized.observe(chart.svg);
  el.append(root);
  draw();
  const endGreeting = insist(model, { type: "watching" }, () => model.get("watched"));

  return () => {
    names.forEach((name) => model.off(name, later));
    resized.disconnect();
    cancelAnimationFrame(frame);
    endGreeting();
    stop.dispose();
  };
}

export default { render };
