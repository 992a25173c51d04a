// The table of cells or runs: sorted, filtered, a page at a time.
const PAGE = 50;
const SCORES = ["test_accuracy", "test_auc"]; // shown with their interval
const get = key => row => row[key];
const figure = (key, title) => [
  { key, title, number: true, value: row => row[key][0], show: row => number(row[key][0]) },
  { key: `${key}_interval`, title: "95 % interval", number: true, value: row => row[key][1],
    show: row => interval(row[key]) },
];
const plain = (key, title = key) => ({ key, title, value: get(key), show: get(key) });
const counted = (key, title, digits) => ({ key, title, number: true, value: get(key),
  show: row => digits === undefined ? String(row[key]) : number(row[key], digits) });
const NAMES = [plain("activation"), plain("architecture"), plain("dataset", "data set"), plain("family")];
const seen = FIGURES.filter(measured);

const COLUMNS = {
  cells: [
    ...NAMES, counted("n", "n"), counted("failures", "diverged"),
    ...seen.flatMap(key => figure(key, inWords(key)).slice(0, SCORES.includes(key) ? 2 : 1)),
    counted("seconds", "s/epoch", 2),
  ],
  runs: [
    ...NAMES, counted("seed", "seed"), plain("status"),
    ...seen.map(key => counted(key, inWords(key), 4)),
    counted("epochs", "epochs"), counted("seconds", "s/epoch", 2), counted("parameters", "parameters"),
  ],
};
const cellOf = row => row.of ?? row;

function sorted(rows) {
  const [key, direction] = state.sort.split(" ");
  const column = COLUMNS[state.view].find(one => one.key === key);
  if (!column) return rows;
  const sign = direction === "down" ? -1 : 1;
  return [...rows].sort((a, b) => {
    const [one, other] = [column.value(a), column.value(b)];
    if (one === null || other === null) return (one === null) - (other === null); // last either way
    return sign * (one < other ? -1 : one > other ? 1 : 0);
  });
}

function tableRows() {
  return sorted(state.view === "runs" ? kept : [...new Set(kept.map(get("of")))].sort((a, b) => a.index - b.index));
}

// up, down, and back to the order of the config; numbers start with the largest
function sortBy(column) {
  const [key, direction] = state.sort.split(" ");
  const order = column.number ? ["down", "up"] : ["up", "down"];
  const next = key === column.key ? order[order.indexOf(direction) + 1] : order[0];
  state.sort = next ? `${column.key} ${next}` : "";
  state.page = 0;
  update();
}

function showHead() {
  const [key, direction] = state.sort.split(" ");
  const head = $("head");
  if (head.dataset.view !== state.view) {
    head.dataset.view = state.view;
    const titles = COLUMNS[state.view].map(column => html("th",
      { scope: "col", "data-key": column.key, class: column.number ? "number" : null },
      html("button", { type: "button", onclick: () => sortBy(column) }, column.title)));
    head.replaceChildren(html("tr", {}, html("th", { scope: "col" }, "curve"), ...titles));
  }
  for (const title of head.querySelectorAll("[data-key]")) {
    const order = title.dataset.key !== key ? "none" : direction === "down" ? "descending" : "ascending";
    title.setAttribute("aria-sort", order);
  }
}

function tableRow(row) {
  const cell = cellOf(row), isChosen = state.chosen.has(cell);
  const box = html("input", { type: "checkbox", "data-cell": cell.index, "data-seed": row.seed ?? "",
    "aria-label": `curve of ${cellName(cell)}`,
    onchange: event => { choose(cell, event.target.checked); update(); } });
  box.checked = isChosen;
  return html("tr", { class: isChosen ? "chosen" : null }, html("td", {}, box),
    ...COLUMNS[state.view].map(column => html("td", { class: column.number ? "number" : null },
      ...(column.key === "family" ? [swatch(familyColour(cell.family)), " "] : []), column.show(row))));
}

function showTable() {
  const rows = tableRows(), pages = Math.max(1, Math.ceil(rows.length / PAGE));
  state.page = Math.min(Math.max(0, state.page), pages - 1);
  const shown = rows.slice(state.page * PAGE, (state.page + 1) * PAGE);
  const { cell, seed } = document.activeElement?.dataset ?? {};
  showHead();
  const empty = html("tr", {}, html("td", { class: "empty", colspan: 99 }, "No run passes the filters."));
  $("body").replaceChildren(...(shown.length ? shown.map(tableRow) : [empty]));
  if (cell !== undefined) $("body").querySelector(`[data-cell="${cell}"][data-seed="${seed}"]`)?.focus();
  $("pages").textContent = `page ${state.page + 1} of ${pages}, ${rows.length} rows`;
  $("back").disabled = state.page === 0;
  $("next").disabled = state.page === pages - 1;
  return shown;
}

function chooseShown() {
  const cells = new Set(tableRows().slice(state.page * PAGE, (state.page + 1) * PAGE).map(cellOf));
  state.chosen = new Set([...cells].slice(0, MOST_CHOSEN));
  if (cells.size > MOST_CHOSEN) state.message = `The first ${MOST_CHOSEN} of ${cells.size} cells are shown.`;
  update();
}
