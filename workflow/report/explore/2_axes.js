// The axes of the parallel coordinates: where a run's value lies, and which runs a range keeps.
const byAppearance = key => [...new Set(DATA.runs.map(run => run[key]))];

function nameAxis(key, title, names = byAppearance(key)) {
  const ranks = new Map(names.map((name, rank) => [name, rank]));
  const rank = name => ranks.get(name) ?? null;
  return {
    key, title, names,
    parse: text => ranks.has(text) ? text : null,
    place: run => names.length > 1 ? 1 - ranks.get(run[key]) / (names.length - 1) : 0.5,
    at: place => names[Math.round((1 - place) * (names.length - 1))],
    span: (above, below) => names.filter(name => {
      const place = names.length > 1 ? 1 - rank(name) / (names.length - 1) : 0.5;
      return place <= above && place >= below;
    }),
    placeOf: name => names.length > 1 ? 1 - rank(name) / (names.length - 1) : 0.5,
    contains: (run, range) => !range || (ranks.get(run[key]) >= (rank(range[0]) ?? 0)
      && ranks.get(run[key]) <= (rank(range[1]) ?? names.length)),
  };
}

// Values over more than two powers of ten lie on a logarithmic axis; a run without one below it.
function numberAxis(key, title) {
  const values = DATA.runs.map(run => run[key]).filter(value => value !== null);
  let low = Infinity, high = -Infinity;
  for (const value of values) [low, high] = [Math.min(low, value), Math.max(high, value)];
  const isLog = low > 0 && high / low > 100;
  const scale = isLog ? Math.log : value => value, back = isLog ? Math.exp : value => value;
  const placeOf = value => high > low ? (scale(value) - scale(low)) / (scale(high) - scale(low)) : 0.5;
  return {
    key, title, low, high, isLog,
    isWhole: values.every(Number.isInteger),
    ticks: isLog ? logTicks(low, high) : ticks(low, high, 8),
    parse: text => text === "" || !Number.isFinite(+text) ? null : +text,
    place: run => run[key] === null ? null : placeOf(run[key]),
    placeOf: value => Math.min(1, Math.max(0, placeOf(value))),
    at: place => back(scale(low) + place * (scale(high) - scale(low))),
    contains: (run, range) => !range || (run[key] !== null
      && (range[0] === null || run[key] >= range[0]) && (range[1] === null || run[key] <= range[1])),
  };
}

const AXES = [
  nameAxis("dataset", "data set"),
  nameAxis("architecture", "architecture"),
  nameAxis("family", "family"),
  nameAxis("activation", "activation"),
  numberAxis("seed", "seed"),
  ...(measured("test_accuracy") ? [numberAxis("test_accuracy", "test accuracy")] : []),
  ...(measured("test_auc") ? [numberAxis("test_auc", "test AUC")] : []),
  ...(measured("test_loss") ? [numberAxis("test_loss", "test loss")] : []),
  numberAxis("epochs", "epochs"),
  numberAxis("seconds", "seconds/epoch"),
  nameAxis("status", "status"),
];

// --- the limits below the axes: the same ranges by keyboard --------------------------------------

const WHICH = ["from", "to"];

function limitField(axis, end) {
  const label = `${axis.title} ${WHICH[end]}`;
  const set = value => {
    const range = [...state.ranges[axis.key] ?? [null, null]];
    range[end] = axis.parse(value);
    // the first limit on names keeps that name alone, the likeliest wish; the other end follows
    const [from, to] = range.map(name => axis.names?.indexOf(name));
    if (axis.names && (from < 0 || to < 0 || from > to)) range[1 - end] = range[end];
    setRange(axis, ...range);
    update();
  };
  const attributes = { "aria-label": label, "data-axis": axis.key, "data-end": end,
    onchange: event => set(event.target.value) };
  if (!axis.names) {
    const [low, high] = DATA.runs.length ? [axis.low, axis.high] : [0, 0];
    const held = axis.isWhole ? [low, high][end] : number([low, high][end], 3);
    return html("input", { ...attributes, type: "number", step: "any", placeholder: held });
  }
  const options = axis.names.map(name => html("option", { value: name }, name));
  return html("select", attributes, html("option", { value: "" }, "any"), ...options);
}

function buildLimits() {
  $("limits").append(...AXES.map(axis => html("fieldset", {},
    html("legend", {}, axis.title),
    ...WHICH.map((word, end) => html("label", {}, word, limitField(axis, end))))));
}

function showLimits() {
  for (const field of $("limits").querySelectorAll("[data-axis]")) {
    const range = state.ranges[field.dataset.axis] ?? [null, null];
    const value = String(range[field.dataset.end] ?? "");
    if (field.value !== value) field.value = value;
  }
}
