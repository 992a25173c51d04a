// Learning curves of the chosen cells, and the graphs of their activations.
const CURVES = { height: 340, left: 52, right: 12, top: 24, bottom: 36 }; // pixels
const LIGHT = ["#0072b2", "#d55e00", "#009e73", "#b0499a", "#946c00", "#111111", "#2aa0d8", "#8a3b12"];
const DARK = ["#5ab4ee", "#ff9150", "#2fd0a0", "#eba0d4", "#e6c34a", "#f0f0f0", "#9fdcff", "#d99a73"];
const DASHES = ["", "7 4", "2 3"];

// mean and interval of the runs that have a value at an epoch, as the tables have them
function curveOf(cell, metric) {
  const runs = cell.runs.filter(run => run.curves[metric] && run.status === "ok");
  const length = Math.max(0, ...runs.map(run => run.curves[metric].length));
  const points = Array.from({ length }, (_, i) =>
    statistics(runs.map(run => real(run.curves[metric][i] ?? null)).filter(value => value !== null)));
  const all = cell.runs.filter(run => run.curves[metric]);
  return { cell, points, epochs: DATA.pairs[cell.pair], lines: all };
}

function statistics(values) {
  const n = values.length, mean = n ? values.reduce((a, b) => a + b, 0) / n : null;
  if (n < 2) return { n, mean, half: 0 };
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (n - 1);
  return { n, mean, half: DATA.factors[n] * Math.sqrt(variance / n) };
}

const seedPoints = (curve, run) => run.curves[state.metric]
  .map((whole, i) => [curve.epochs[i], real(whole)]).filter(([, value]) => value !== null);
const meanPoints = curve => curve.points
  .map((point, i) => [curve.epochs[i], point.mean, point.half]).filter(([, value]) => value !== null);

function frame(curves) {
  const points = curves.flatMap(curve => state.lines === "seeds"
    ? curve.lines.flatMap(run => seedPoints(curve, run)) : meanPoints(curve));
  const values = points.map(point => point[1]), room = $("curves").clientWidth || 600;
  let [low, high] = [Math.min(...values), Math.max(...values)];
  const margin = (high - low) * 0.06 || Math.abs(high) * 0.05 || 0.05;
  [low, high] = [low - margin, high + margin];
  const last = Math.max(2, ...points.map(point => point[0]));
  return {
    width: room, low, high, last,
    x: epoch => CURVES.left + (epoch - 1) / (last - 1) * (room - CURVES.left - CURVES.right),
    y: value => CURVES.top + (high - value) / (high - low) * (CURVES.height - CURVES.top - CURVES.bottom),
  };
}

const path = points => points.map(([x, y], i) => `${i ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");

function drawCurve(curve, rank, { x, y }) {
  const colour = (isDark() ? DARK : LIGHT)[rank % 8], dashes = DASHES[Math.floor(rank / 8) % 3];
  const look = { fill: "none", stroke: colour, "stroke-linejoin": "round" };
  if (state.lines === "seeds") {
    return curve.lines.map(run => svg("path", { ...look, "stroke-width": 1, "stroke-opacity": 0.75,
      "stroke-dasharray": run.status === "ok" ? dashes : "1 4",
      d: path(seedPoints(curve, run).map(([epoch, value]) => [x(epoch), y(value)])) }));
  }
  const points = meanPoints(curve);
  const upper = points.map(([epoch, mean, half]) => [x(epoch), y(mean + half)]);
  const lower = points.map(([epoch, mean, half]) => [x(epoch), y(mean - half)]);
  return [
    svg("path", { fill: colour, "fill-opacity": 0.15, d: path([...upper, ...lower.reverse()]) }),
    svg("path", { ...look, "stroke-width": 2, "stroke-dasharray": dashes,
      d: path(points.map(([epoch, mean]) => [x(epoch), y(mean)])) }),
  ];
}

function drawFrame({ width, low, high, last, x, y }) {
  const bottom = CURVES.height - CURVES.bottom, parts = [];
  for (const value of ticks(low, high, 6)) {
    parts.push(svg("line", { x1: CURVES.left, x2: width - CURVES.right, y1: y(value), y2: y(value), class: "grid" }),
      svg("text", { x: CURVES.left - 6, y: y(value) + 4, "text-anchor": "end" }, String(+value.toPrecision(6))));
  }
  for (const epoch of ticks(1, last, 7).filter(Number.isInteger)) {
    parts.push(svg("text", { x: x(epoch), y: bottom + 16, "text-anchor": "middle" }, String(epoch)));
  }
  parts.push(svg("line", { x1: CURVES.left, x2: width - CURVES.right, y1: bottom, y2: bottom, class: "rule" }),
    svg("text", { x: width / 2, y: CURVES.height - 4, "text-anchor": "middle" }, "epoch"),
    svg("text", { x: 4, y: 12, class: "title" }, inWords(state.metric)));
  return parts;
}

function showCurves() {
  const curves = [...state.chosen].map(cell => curveOf(cell, state.metric));
  const drawn = curves.filter(curve => curve.points.length || curve.lines.length);
  $("at").max = Math.max(0, ...curves.map(curve => curve.points.length - 1));
  $("at").value = state.at ?? $("at").max;
  if (drawn.length) drawCurves(curves, drawn);
  else $("curves").replaceChildren(html("p", { class: "hint" }, state.chosen.size
    ? "None of the chosen cells measured this in every epoch." : "Tick rows of the table to see their curves."));
  showChosen(curves);
}

function drawCurves(curves, drawn) {
  const box = frame(drawn), { width } = box;
  const clip = svg("clipPath", { id: "inside" }, svg("rect", { x: CURVES.left, y: CURVES.top - 2,
    width: width - CURVES.left - CURVES.right + 2, height: CURVES.height - CURVES.bottom - CURVES.top + 2 }));
  const lines = svg("g", { "clip-path": "url(#inside)" });
  for (const curve of drawn) lines.append(...drawCurve(curve, curves.indexOf(curve), box));
  const there = box.x(epochAt(drawn) ?? 1);
  lines.append(svg("line", { x1: there, x2: there, y1: CURVES.top, y2: CURVES.height - CURVES.bottom, class: "rule" }));
  $("curves").replaceChildren(svg("svg", { width, height: CURVES.height, viewBox: `0 0 ${width} ${CURVES.height}`, onpointermove: event => {
    const x = event.clientX - $("curves").getBoundingClientRect().left;
    const share = (x - CURVES.left) / (width - CURVES.left - CURVES.right);
    const longest = drawn.find(curve => curve.points.length - 1 === +$("at").max) ?? drawn[0];
    const wanted = 1 + share * (box.last - 1);
    const index = longest.epochs.findIndex(epoch => epoch >= wanted);
    state.at = index < 0 ? +$("at").max : Math.min(index, +$("at").max);
    showCurves();
  } }, clip, ...drawFrame(box), lines));
}

// Data sets keep different epochs; the slider counts those of the longest curve.
function epochAt(curves) {
  const longest = curves.find(curve => curve.points.length - 1 === +$("at").max);
  return longest?.epochs[+$("at").value];
}

function valueAt(curve, epoch) {
  const index = curve.epochs.findLastIndex((one, i) => one <= epoch && i < curve.points.length);
  const point = curve.points[index];
  if (!curve.cell.n) return "all runs diverged";
  if (!point || point.mean === null) return "–";
  const isLast = curve.epochs[index + 1] <= epoch || index === curve.points.length - 1;
  const spread = point.n > 1 ? ` ± ${number(point.half)}` : "";
  return `${number(point.mean)}${spread}, n ${point.n}${isLast && curve.epochs[index] < epoch ? `, epoch ${curve.epochs[index]}` : ""}`;
}

function showChosen(curves) {
  const epoch = epochAt(curves.filter(curve => curve.points.length));
  $("epoch").textContent = epoch ?? "–";
  $("chosen").replaceChildren(...curves.map((curve, rank) => html("li", {},
    swatch((isDark() ? DARK : LIGHT)[rank % 8], DASHES[Math.floor(rank / 8) % 3]),
    html("span", {}, `${curve.cell.activation} · ${curve.cell.architecture} · ${curve.cell.dataset}`),
    html("span", { class: "value" }, valueAt(curve, epoch)),
    html("button", { type: "button", "aria-label": `Remove ${cellName(curve.cell)}`,
      onclick: () => { choose(curve.cell, false); update(); $("chosen").focus(); } }, "×"))));
}

// --- graphs --------------------------------------------------------------------------------------

const GRAPH = { width: 170, height: 130, x: [-3, 3], y: [-2.5, 3.25] };

function showGraphs() {
  const names = [...new Set([...state.chosen].map(cell => cell.activation))];
  $("graphs").replaceChildren(...names.map(drawGraph));
}

function drawGraph(name) {
  const { family, as, only } = DATA.activations[name];
  const lines = (DATA.graphs[as] ?? []).filter(([label]) => only === null || label === only);
  const x = value => (value - GRAPH.x[0]) / (GRAPH.x[1] - GRAPH.x[0]) * GRAPH.width;
  const y = value => (GRAPH.y[1] - value) / (GRAPH.y[1] - GRAPH.y[0]) * GRAPH.height;
  const drawn = (line, column, look) => svg("path", { fill: "none", stroke: familyColour(family), ...look,
    d: path(line[1].map((at, i) => [x(real(at)), line[column][i]])
      .filter(([, value]) => value !== null).map(([at, value]) => [at, y(real(value))])) }, svg("title", {}, line[0]));
  const thin = lines.length > 4 ? 0.9 : 1.8;
  const caption = !lines.length ? `${name}: no graph` : as === name ? name : `${name}: ${as}${only ? `, ${only}` : ""}`;
  return html("figure", {}, svg("svg", { viewBox: `0 0 ${GRAPH.width} ${GRAPH.height}`, role: "img", "aria-label": `Graph of ${caption}` },
    svg("path", { class: "grid", fill: "none", d: path([[0, y(0)], [GRAPH.width, y(0)]]) + path([[x(0), 0], [x(0), GRAPH.height]]) }),
    ...lines.map(line => drawn(line, 3, { "stroke-dasharray": "4 3", "stroke-width": thin * 0.7, "stroke-opacity": 0.75 })),
    ...lines.map(line => drawn(line, 2, { "stroke-width": thin }))), html("figcaption", {}, caption));
}
