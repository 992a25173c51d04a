// The data as numbers, the state that the address holds, and the helpers of all parts.
// Plain JavaScript: what draws parallel coordinates is unmaintained or needs WebGL, and d3 alone is
// ten times as large as these files.
"use strict";

const DATA = JSON.parse(document.getElementById("data").textContent);
const MOST_CHOSEN = 24; // cells whose curves are shown together
const FIGURES = ["test_accuracy", "test_auc", "test_loss", "train_accuracy"];

const $ = id => document.getElementById(id);
const real = whole => whole === null ? null : whole * DATA.unit;
const inWords = key => key.replace("_", " ").replace("auc", "AUC").replace("valid ", "validation ")
  .replace("train ", "training ");
const cellName = cell => `${cell.dataset}/${cell.architecture}/${cell.activation}`;

for (const [index, cell] of DATA.cells.entries()) {
  cell.index = index;
  cell.runs = [];
  cell.seconds = real(cell.seconds);
  cell.family = DATA.activations[cell.activation].family;
  for (const key of FIGURES) cell[key] = cell[key].map(real);
  cell.words = `${cell.study} ${cellName(cell)} ${cell.family}`.toLowerCase();
}
for (const run of DATA.runs) {
  run.of = DATA.cells[run.cell];
  run.of.runs.push(run);
  for (const key of ["dataset", "architecture", "activation", "family"]) run[key] = run.of[key];
  for (const key of [...FIGURES, "seconds"]) run[key] = real(run[key]);
}
const measured = key => DATA.runs.some(run => run[key] !== null);
const METRICS = [...new Set(DATA.runs.flatMap(run => Object.keys(run.curves)))];

// What the reader has chosen; ranges: axis -> [from, to], null for an open end; chosen: cells.
const state = { message: "" };

function readAddress() {
  const given = new URLSearchParams(location.hash.slice(1));
  const names = new Map(DATA.cells.map(cell => [cellName(cell), cell]));
  const usual = DATA.cells.filter(cell => cell.pair === DATA.cells[0].pair).slice(0, 5);
  const wanted = given.has("cell") ? given.getAll("cell").map(name => names.get(name)) : usual;
  state.view = given.get("view") === "runs" ? "runs" : "cells";
  state.text = given.get("text") ?? "";
  state.sort = given.get("sort") ?? "";
  state.page = 0;
  state.metric = METRICS.includes(given.get("metric")) ? given.get("metric")
    : METRICS.includes("test_accuracy") ? "test_accuracy" : METRICS[0];
  state.lines = given.get("lines") === "seeds" ? "seeds" : "mean";
  state.at = null; // the last epoch
  state.chosen = new Set(wanted.filter(Boolean).slice(0, MOST_CHOSEN));
  state.ranges = {};
  for (const axis of AXES) {
    if (given.has(axis.key)) setRange(axis, ...given.get(axis.key).split("~").map(axis.parse));
  }
}

function writeAddress() {
  const values = new URLSearchParams();
  const put = (key, value, usual) => value !== usual && values.set(key, value);
  put("view", state.view, "cells");
  put("text", state.text, "");
  put("sort", state.sort, "");
  put("metric", state.metric, METRICS.includes("test_accuracy") ? "test_accuracy" : METRICS[0]);
  put("lines", state.lines, "mean");
  for (const [key, range] of Object.entries(state.ranges)) {
    values.set(key, range.map(value => value ?? "").join("~"));
  }
  for (const cell of state.chosen) values.append("cell", cellName(cell));
  if (!state.chosen.size) values.set("cell", "");
  history.replaceState(null, "", "#" + values.toString());
}

function setRange(axis, from, to) {
  const ends = [from ?? null, to ?? null];
  delete state.ranges[axis.key];
  if (ends.some(end => end !== null)) state.ranges[axis.key] = ends;
}

function isKept(run) {
  const words = state.text.toLowerCase().split(/\s+/);
  return words.every(word => run.of.words.includes(word))
    && AXES.every(axis => axis.contains(run, state.ranges[axis.key]));
}

function choose(cell, chosen) {
  if (chosen && state.chosen.size >= MOST_CHOSEN) {
    state.message = `At most ${MOST_CHOSEN} cells are shown together.`;
  } else if (chosen) {
    state.chosen.add(cell);
  } else {
    state.chosen.delete(cell);
  }
}

// --- elements; every name of the data becomes a text node ----------------------------------------

function fill(node, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (value !== null && value !== false) node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children);
  return node;
}
const html = (tag, attributes = {}, ...children) =>
  fill(document.createElement(tag), attributes, children);
const svg = (tag, attributes = {}, ...children) =>
  fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);

function number(value, digits = 4) {
  if (value === null || value === undefined) return "–";
  const size = Math.abs(value);
  if (size >= 1e6) return value.toExponential(2);
  return value.toFixed(size >= 1000 ? 0 : size >= 100 ? 1 : digits).replace("-", "−");
}

function interval([, low, high]) {
  return low === null ? "–" : `${number(low)} to ${number(high)}`;
}

// --- colours and ticks ---------------------------------------------------------------------------

const dark = matchMedia("(prefers-color-scheme: dark)");
const isDark = () => dark.matches;

function familyColour(family, opacity = 1) {
  const parts = DATA.families[family];
  const light = (0.3 * parts[0] + 0.6 * parts[1] + 0.1 * parts[2]) / 255;
  const white = isDark() ? Math.max(0, (0.62 - light) / (1 - light)) : 0; // readable on black
  const mixed = parts.map(part => Math.round(part + (255 - part) * white));
  return `rgba(${mixed.join(",")},${opacity})`;
}

function ticks(low, high, count) {
  if (!(high > low)) return [low];
  const rough = (high - low) / count, power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find(factor => factor * power >= rough);
  const first = Math.ceil(low / step - 1e-9), found = [];
  for (let i = first; i * step <= high + step * 1e-9; i++) found.push(+(i * step).toPrecision(12));
  return found;
}

function logTicks(low, high) {
  const all = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++) {
    for (const factor of high / low > 300 ? [1] : [1, 2, 5]) all.push(factor * 10 ** power);
  }
  return all.filter(value => value >= low * 0.999 && value <= high * 1.001);
}
