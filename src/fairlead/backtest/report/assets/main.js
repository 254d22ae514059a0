// Puts the page together from the numbers that it carries.

async function readPrices(told) {
  const [times, close, open, above, below] = await Promise.all([
    unpackSteps(told.times), unpackSteps(told.close), unpack(told.open), unpack(told.above), unpack(told.below),
  ]);
  const high = new Float64Array(close.length), low = new Float64Array(close.length);
  for (let i = 0; i < close.length; i++) {
    const opened = close[i] - open[i];
    high[i] = Math.max(opened, close[i]) + above[i];
    low[i] = Math.min(opened, close[i]) - below[i];
    open[i] = opened;
  }
  for (const column of [open, high, low, close]) scaled(column, told.unit);
  return { symbol: told.symbol, step: told.step, decimals: told.decimals, times, open, high, low, close };
}

async function readLine(told) {
  const [times, values] = await Promise.all([unpackSteps(told.times), unpackSteps(told.values)]);
  return { name: told.name, colour: told.colour, curve: Curve.of(times, scaled(values, told.unit)) };
}

async function readTable(told) {
  const names = Object.keys(told.columns);
  const columns = await Promise.all(names.map(async (name) => {
    const { packed, steps, unit } = told.columns[name];
    return scaled(await (steps ? unpackSteps(packed) : unpack(packed)), unit);
  }));
  return Object.fromEntries(names.map((name, i) => [name, columns[i]]));
}

// Only what happened to one instrument.
function chosen(table, isWanted) {
  const places = Array.from(table.bot, (_, i) => i).filter((i) => isWanted(table.bot[i]));
  return Object.fromEntries(Object.entries(table).map(([name, column]) => [name, places.map((i) => column[i])]));
}

function countLevels(fills, deals) {
  const events = [];
  const seen = new Set();
  for (let i = 0; i < fills.at.length; i++) {
    const name = `${fills.bot[i]} ${fills.cycle[i]} ${fills.slot[i]}`;
    if (!fills.opens[i] || seen.has(name)) continue;
    seen.add(name);
    events.push([fills.at[i], 1, fills.bot[i], fills.cycle[i]]);
  }
  for (let i = 0; i < deals.began.length; i++) {
    if (!deals.isOpen[i]) events.push([deals.ended[i], 0, deals.bot[i], deals.cycle[i]]);
  }
  events.sort((a, b) => a[0] - b[0] || b[1] - a[1]);
  const filled = new Map();
  const times = [], counts = [];
  let total = 0;
  for (const [at, adds, bot, cycle] of events) {
    const key = `${bot} ${cycle}`;
    const before = filled.get(key) || 0;
    if (adds) filled.set(key, before + 1); else filled.delete(key);
    total += adds ? 1 : -before;
    times.push(at);
    counts.push(total);
  }
  return new LadderPainter(times, counts);
}

function dealColumns(deals, told) {
  const end = told.end;
  const ended = deals.ended.map((at) => at || end);
  return {
    ...deals,
    isOpen: deals.ended.map((at) => !at),
    ended,
    lasted: ended.map((at, i) => at - deals.began[i]),
    bot: Array.from(deals.bot, (one) => told.bots[one].name),
    why: Array.from(deals.why, (one) => told.whys[one]),
  };
}

function addControls(view) {
  const actions = {
    in: () => view.zoom(0.5), out: () => view.zoom(2), all: () => view.showAll(),
    left: () => view.pan(-0.5), right: () => view.pan(0.5),
  };
  for (const button of document.querySelectorAll("[data-action]")) {
    button.addEventListener("click", actions[button.dataset.action]);
  }
  const span = document.querySelector(".span");
  view.listeners.push(() => { span.textContent = `${showTime(view.from)} to ${showTime(view.to)} UTC`; });
}

async function readSymbol(told, tables, symbol) {
  const prices = await readPrices(told.prices.find((one) => one.symbol === symbol));
  const isWanted = (bot) => told.bots[bot].symbol === symbol;
  const fills = { ...chosen(tables.fills, isWanted), bots: told.bots.map((bot) => bot.name), slots: told.slots };
  return new PricePainter(prices, fills, chosen(tables.orders, isWanted), told);
}

async function addPrices(told, tables, view, figure) {
  const pane = new Pane(view, figure, await readSymbol(told, tables, told.prices[0].symbol));
  const choice = document.querySelector(".choose-symbol");
  choice?.addEventListener("change", async () => {
    pane.painter = await readSymbol(told, tables, choice.value);
    view.redraw();
  });
  return pane;
}

// Each line can be taken away, so that a steep one does not flatten the other.
function addEquity(view, figure, painter) {
  new Pane(view, figure, painter);
  for (const button of figure.querySelectorAll("[data-line]")) {
    button.addEventListener("click", () => {
      button.setAttribute("aria-pressed", String(painter.toggle(button.dataset.line)));
      view.redraw();
    });
  }
}

async function readTables(told) {
  const names = ["fills", "orders", "deals"];
  const read = await Promise.all(names.map((name) => readTable(told[name])));
  return Object.fromEntries(names.map((name, i) => [name, read[i]]));
}

async function openPage() {
  const told = JSON.parse(document.getElementById("numbers").textContent);
  const view = new View(told.begin, told.end, told.shortest);
  const find = (name) => document.querySelector(`.pane-${name}`);
  const lines = await Promise.all(told.lines.map(readLine));
  if (told.fills) {
    const tables = await readTables(told);
    if (find("price")) await addPrices(told, tables, view, find("price"));
    const deals = dealColumns(tables.deals, told);
    if (find("ladder")) new Pane(view, find("ladder"), countLevels(tables.fills, { ...tables.deals, isOpen: deals.isOpen }));
    const table = document.querySelector(".deals");
    if (table) {
      new DealTable(table, deals, told.digits, (i) => {
        view.mark(deals.began[i], deals.ended[i]);
        document.querySelector(".charts").scrollIntoView({ behavior: "smooth" });
      });
    }
  }
  if (find("equity")) addEquity(view, find("equity"), new LinesPainter(lines, told));
  if (find("depth")) new Pane(view, find("depth"), new DepthPainter(lines.filter((_, i) => told.lines[i].depth), told.start));
  if (document.querySelector(".controls")) addControls(view);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => view.redraw());
  // What is drawn keeps its colours: paper wants those of light.
  const print = (isPrinted) => {
    document.documentElement.toggleAttribute("data-print", isPrinted);
    for (const pane of view.panes) pane.draw();
  };
  window.addEventListener("beforeprint", () => print(true));
  window.addEventListener("afterprint", () => print(false));
  view.redraw();
  document.documentElement.dataset.state = "ready";
  document.documentElement.dataset.readyMs = String(Math.round(performance.now()));
}

openPage().catch((error) => {
  document.documentElement.dataset.state = "failed";
  const note = document.querySelector(".charts-note");
  if (note) note.textContent = `The charts could not be drawn: ${error.message}. A newer browser may help.`;
  throw error;
});
