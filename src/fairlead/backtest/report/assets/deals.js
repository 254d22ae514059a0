// The table of deals: sorted by any column, fifty at a time; a deal leads to its place in the charts.

const ROWS_SHOWN = 50;

function showLength(ms) {
  if (ms < HOUR) return `${Math.round(ms / MINUTE)} min`;
  if (ms < 2 * DAY) return `${showNumber(ms / HOUR, 1)} h`;
  return `${showNumber(ms / DAY, 1)} d`;
}

class DealTable {
  constructor(root, deals, digits, onChoose) {
    this.body = root.querySelector("tbody");
    this.told = root.querySelector(".told");
    this.deals = deals;
    this.digits = digits;
    this.onChoose = onChoose;
    this.order = deals.began.map((_, i) => i);
    this.page = 0;
    [this.before, this.after] = root.querySelectorAll(".pages button");
    this.before.addEventListener("click", () => this.turn(-1));
    this.after.addEventListener("click", () => this.turn(1));
    for (const heading of root.querySelectorAll("th[data-column]")) {
      heading.querySelector("button").addEventListener("click", () => this.sort(heading));
    }
    this.headings = root.querySelectorAll("th[data-column]");
    this.fill();
  }

  turn(way) { this.page += way; this.fill(); }

  sort(heading) {
    const isDown = heading.getAttribute("aria-sort") !== "descending";
    for (const one of this.headings) one.setAttribute("aria-sort", "none");
    heading.setAttribute("aria-sort", isDown ? "descending" : "ascending");
    const column = this.deals[heading.dataset.column];
    const compare = (a, b) => typeof column[a] === "string" ? column[a].localeCompare(column[b]) : column[a] - column[b];
    this.order = Array.from(column, (_, i) => i).sort((a, b) => (isDown ? -1 : 1) * compare(a, b) || a - b);
    this.page = 0;
    this.fill();
  }

  fill() {
    const { deals, order } = this;
    const first = this.page * ROWS_SHOWN;
    const shown = Array.from(order).slice(first, first + ROWS_SHOWN);
    this.body.replaceChildren(...shown.map((i) => this.row(i)));
    this.before.disabled = first === 0;
    this.after.disabled = first + ROWS_SHOWN >= order.length;
    const last = first + shown.length;
    this.told.textContent = shown.length ? `${first + 1} to ${last} of ${order.length}` : "";
    if (!deals.began.length) {
      const cell = document.createElement("td");
      cell.colSpan = this.headings.length;
      cell.className = "empty";
      cell.textContent = "No deal was made.";
      this.body.append(Object.assign(document.createElement("tr"), {}));
      this.body.lastChild.append(cell);
    }
  }

  row(i) {
    const { deals } = this;
    const money = (amount) => showNumber(amount, this.digits);
    const row = document.createElement("tr");
    row.className = "goes";
    const link = document.createElement("button");
    link.type = "button";
    link.textContent = String(deals.cycle[i]);
    link.setAttribute("aria-label", `show deal ${deals.cycle[i]} of ${deals.bot[i]} in the charts`);
    const name = document.createElement("td");
    name.append(link);
    row.append(name);
    const cells = [
      [deals.bot[i], "text"], [showTime(deals.began[i]), ""], [deals.isOpen[i] ? "still open" : showLength(deals.lasted[i]), ""],
      [String(deals.levels[i]), ""], [String(deals.fills[i]), ""], [money(deals.cost[i]), ""],
      [money(deals.profit[i]), deals.profit[i] < 0 ? "loss" : "gain"], [money(deals.fees[i]), ""],
      [money(deals.funding[i]), ""], [money(deals.worst[i]), ""], [deals.why[i], "text"],
    ];
    for (const [text, kind] of cells) {
      const cell = document.createElement("td");
      cell.textContent = text;
      if (kind) cell.className = kind;
      row.append(cell);
    }
    row.addEventListener("click", () => this.onChoose(i));
    return row;
  }
}
