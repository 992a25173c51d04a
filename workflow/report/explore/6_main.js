// Puts the parts together: what a change of the state redraws.
let waiting = false, waitingToWrite = 0;

function update() {
  $("limit").textContent = state.message;
  state.message = "";
  kept = DATA.runs.filter(isKept);
  showLimits();
  showBrushes();
  drawLines();
  showTable();
  showCurves();
  showGraphs();
  const cells = new Set(kept.map(run => run.cell)).size;
  $("count").textContent = `${kept.length} of ${DATA.runs.length} runs, ${cells} of ${DATA.cells.length} cells`;
  clearTimeout(waitingToWrite); // browsers refuse to write the address at every step of a brush
  waitingToWrite = setTimeout(writeAddress, 200);
}

function updateSoon() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => { waiting = false; update(); });
}

function showHeader() {
  const { grid, runs, full_runs, commits, newest, cuts } = DATA.header;
  document.title = `actgrid, grid ${grid}: explore the runs`;
  $("facts").textContent = [`Grid ${grid}`, `${runs} of the full grid's ${full_runs} runs`,
    `commit ${commits.map(one => one.slice(0, 7)).join(", ") || "unknown"}`,
    ...(newest ? [`last run ${newest.slice(0, 10)}`] : [])].join(" · ");
  $("banner").textContent = `This is not the full grid: ${cuts.join("; ")}.`;
  $("banner").hidden = !cuts.length;
  const thinned = DATA.pairs.some(epochs => epochs.length > 2 && epochs[2] - epochs[1] > 1);
  $("note").textContent = "Means are over the runs that ended well and had not yet stopped at an epoch; the band is "
    + "their 95 % t interval, cut at the frame. Numbers of curves are rounded to 4 digits after the point"
    + (thinned ? "; of long runs only every few epochs are shown, and the table has their final figures." : ".")
    + " A diverged run is dotted among the seeds.";
}

// The fields that stand in the page itself.
function showFields() {
  $("text").value = state.text;
  $("metric").value = state.metric;
  for (const name of ["view", "lines"]) {
    document.querySelector(`[name="${name}"][value="${state[name]}"]`).checked = true;
  }
}

function restore() {
  readAddress();
  showFields();
  update();
}

function listen() {
  const on = (id, event, act) => $(id).addEventListener(event, () => { act(); update(); });
  on("text", "input", () => { state.text = $("text").value; state.page = 0; });
  on("reset", "click", () => { state.text = $("text").value = ""; state.ranges = {}; state.page = 0; });
  on("back", "click", () => state.page--);
  on("next", "click", () => state.page++);
  on("metric", "change", () => { state.metric = $("metric").value; });
  on("clear", "click", () => state.chosen.clear());
  $("choose").addEventListener("click", chooseShown);
  $("at").addEventListener("input", () => { state.at = +$("at").value; showCurves(); });
  for (const field of document.querySelectorAll("[name=view], [name=lines]")) {
    field.addEventListener("change", () => { state[field.name] = field.value; state.page = 0; update(); });
  }
  addEventListener("hashchange", restore);
  const redraw = () => { layOut(); showFamilies(); update(); };
  dark.addEventListener("change", redraw);
  addEventListener("resize", redraw);
}

showHeader();
$("metric").append(...METRICS.map(metric => html("option", { value: metric }, inWords(metric))));
buildLimits();
layOut();
showFamilies();
restore();
listen();
