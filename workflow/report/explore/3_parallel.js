// Parallel coordinates: a line a run on a canvas, axes with brushes above it.
const HEIGHT = 430, TOP = 30, BOTTOM = 34, NARROWEST = 112, NEAR = 8; // pixels
const NONE = -0.05; // the place of a run that has no value on an axis
let width = 0; // of an axis
let kept = [], pointed = null, brush = null;

const xOf = index => (index + 0.5) * width - width * 0.32;
const yOf = place => TOP + (1 - (place ?? NONE)) * (HEIGHT - TOP - BOTTOM);
const placeAt = y => Math.min(1, Math.max(0, 1 - (y - TOP) / (HEIGHT - TOP - BOTTOM)));

function layOut() {
  const room = $("axes-box").clientWidth;
  width = Math.max(NARROWEST, room / AXES.length);
  const total = width * AXES.length;
  $("axes").style.width = `${total}px`;
  for (const field of $("limits").children) field.style.width = `${width}px`;
  for (const id of ["lines", "marks"]) {
    const canvas = $(id), ratio = window.devicePixelRatio || 1;
    [canvas.width, canvas.height] = [Math.round(total * ratio), Math.round(HEIGHT * ratio)];
    [canvas.style.width, canvas.style.height] = [`${total}px`, `${HEIGHT}px`];
    canvas.getContext("2d").scale(ratio, ratio);
  }
  for (const run of DATA.runs) run.heights = AXES.map(axis => yOf(axis.place(run)));
  $("plot").querySelector("svg")?.remove();
  $("plot").append(drawAxes(total));
}

function drawAxes(total) {
  const overlay = svg("svg", { width: total, height: HEIGHT, viewBox: `0 0 ${total} ${HEIGHT}`, "aria-hidden": "true",
    onpointermove: event => point(event), onpointerleave: () => point(null),
    onclick: choosePointed });
  overlay.append(...AXES.map(drawAxis));
  return overlay;
}

function drawAxis(axis, index) {
  const x = xOf(index), group = svg("g", {});
  group.append(
    svg("line", { x1: x, x2: x, y1: TOP, y2: HEIGHT - BOTTOM, class: "rule" }),
    svg("text", { x: x - 4, y: 14, class: "title halo" }, axis.title),
    svg("rect", { x: x - 3, width: 6, class: "brush", "data-axis": axis.key, height: 0 }),
    svg("rect", { x: x - 14, y: TOP - 8, width: 28, height: HEIGHT - TOP - BOTTOM + 16,
      class: "strip", "data-axis": axis.key, ...brushing(axis) }),
    ...(axis.names ? nameLabels(axis, x) : numberLabels(axis, x)));
  if (DATA.runs.some(run => axis.place(run) === null)) {
    group.append(svg("text", { x: x + 6, y: yOf(NONE) + 4, class: "halo" }, "none"));
  }
  return group;
}

// As many names as have room; the others are read from a line or from the limits.
function nameLabels(axis, x) {
  const room = (HEIGHT - TOP - BOTTOM) / Math.max(1, axis.names.length - 1);
  const every = Math.ceil(12 / room), letters = Math.floor((width - 14) / 5.6);
  return axis.names.filter((_, rank) => rank % every === 0).map(name => {
    const short = name.length > letters ? name.slice(0, letters - 1) + "…" : name;
    const only = event => { event.stopPropagation(); setRange(axis, name, name); update(); };
    return svg("text", { x: x + 6, y: yOf(axis.placeOf(name)) + 4, class: "halo name", onclick: only },
      svg("title", {}, name), short);
  });
}

function numberLabels(axis, x) {
  const shown = value => axis.isLog && (value < 0.01 || value >= 1e4) ? value.toExponential(0)
    : String(+value.toPrecision(4));
  return axis.ticks.filter(Number.isFinite).map(value =>
    svg("text", { x: x + 6, y: yOf(axis.placeOf(value)) + 4, class: "halo" }, shown(value)));
}

// --- brushes -------------------------------------------------------------------------------------

function brushing(axis) {
  const height = event => event.clientY - $("plot").getBoundingClientRect().top;
  return {
    onpointerdown: event => {
      event.target.setPointerCapture(event.pointerId);
      brush = { start: height(event), moved: false };
    },
    onpointermove: event => {
      if (!brush || !event.target.hasPointerCapture(event.pointerId)) return;
      if (Math.abs(height(event) - brush.start) > 4) brush.moved = true;
      if (brush.moved) brushTo(axis, placeAt(brush.start), placeAt(height(event)));
    },
    onpointerup: () => {
      if (!brush?.moved) { setRange(axis); update(); }
    },
    onclick: event => event.stopPropagation(),
  };
}

function brushTo(axis, one, other) {
  const [below, above] = [Math.min(one, other), Math.max(one, other)];
  if (axis.names) {
    const span = axis.span(above, below);
    const nearest = axis.at((above + below) / 2);
    setRange(axis, span[0] ?? nearest, span.at(-1) ?? nearest);
  } else {
    const rounded = value => axis.isWhole ? Math.round(value) : +value.toPrecision(4);
    setRange(axis, below > 0 ? rounded(axis.at(below)) : null, above < 1 ? rounded(axis.at(above)) : null);
  }
  updateSoon();
}

function showBrushes() {
  for (const axis of AXES) {
    const mark = $("plot").querySelector(`.brush[data-axis="${axis.key}"]`);
    const range = state.ranges[axis.key];
    const ends = range?.map((end, i) => end === null ? (axis.names ? 1 - i : i) : axis.placeOf(end));
    const [top, bottom] = range ? [yOf(Math.max(...ends)) - 5, yOf(Math.min(...ends)) + 5] : [0, 0];
    mark.setAttribute("y", top);
    mark.setAttribute("height", bottom - top);
  }
}

// --- lines ---------------------------------------------------------------------------------------

function drawLines() {
  const paper = $("lines").getContext("2d"), isKeptNow = new Set(kept);
  paper.clearRect(0, 0, width * AXES.length, HEIGHT);
  const others = DATA.runs.filter(run => !isKeptNow.has(run));
  stroke(paper, others, isDark() ? "#2b2e34" : "#e7e7e7", 1); // at once, so that they do not add up
  const opacity = Math.min(0.9, Math.max(0.12, 60 / kept.length));
  for (const run of kept) stroke(paper, [run], familyColour(run.family, opacity), 1);
  drawMarks();
}

function drawMarks() {
  const paper = $("marks").getContext("2d"), last = pointed ? [pointed] : [];
  paper.clearRect(0, 0, width * AXES.length, HEIGHT);
  const marked = kept.filter(run => state.chosen.has(run.of));
  for (const run of marked) stroke(paper, [run], familyColour(run.family, 0.7), 1.6);
  const ink = getComputedStyle(document.documentElement).getPropertyValue("--ink");
  stroke(paper, last, ink, 5);
  for (const run of last) stroke(paper, [run], familyColour(run.family), 3);
}

function stroke(paper, runs, colour, thickness) {
  paper.strokeStyle = colour;
  paper.lineWidth = thickness;
  paper.beginPath();
  for (const run of runs) {
    run.heights.forEach((y, index) => index ? paper.lineTo(xOf(index), y) : paper.moveTo(xOf(0), y));
  }
  paper.stroke();
}

function point(event) {
  const found = event && nearest(event);
  if (found === pointed) return;
  pointed = found;
  drawMarks();
  $("hover").textContent = pointed ? describe(pointed)
    : "Point at a line to read its run; click it to compare its curve.";
}

function nearest(event) {
  const box = $("plot").getBoundingClientRect();
  const x = event.clientX - box.left, y = event.clientY - box.top;
  const left = Math.floor((x - xOf(0)) / width);
  if (left < 0 || left >= AXES.length - 1) return null;
  const share = (x - xOf(left)) / width;
  let best = null, distance = NEAR;
  for (const run of kept) {
    const there = run.heights[left] * (1 - share) + run.heights[left + 1] * share;
    if (Math.abs(there - y) < distance) [best, distance] = [run, Math.abs(there - y)];
  }
  return best;
}

function choosePointed() {
  if (!pointed) return;
  choose(pointed.of, !state.chosen.has(pointed.of));
  update();
}

function describe(run) {
  const figures = AXES.filter(axis => FIGURES.includes(axis.key))
    .map(axis => `${axis.title} ${number(run[axis.key])}`);
  return [`${run.dataset}, ${run.architecture}, ${run.activation}, seed ${run.seed}: ${run.status}`,
    ...figures, `${run.epochs} epochs`, `${number(run.seconds, 2)} s each`].join(" · ");
}

function showFamilies() {
  const present = byAppearance("family");
  $("families").replaceChildren(...present.map(family => html("li", {}, swatch(familyColour(family)), family)));
}

function swatch(colour, dashes = "") {
  return svg("svg", { width: 30, height: 10, "aria-hidden": "true" },
    svg("line", { x1: 1, x2: 29, y1: 5, y2: 5, stroke: colour, "stroke-width": 3, "stroke-dasharray": dashes }));
}
