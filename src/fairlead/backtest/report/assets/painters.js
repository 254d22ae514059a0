// What each pane shows: candles with orders and fills, equity, how far below its top, and how many levels are filled.

class PricePainter {
  static ORDERS_MAX = 4_000;

  constructor(prices, fills, orders, money) {
    Object.assign(this, { prices, fills, orders, money });
    this.curve = new Curve(prices.times, prices.low, prices.high, prices.close);
  }

  range(from, to) { return this.curve.range(from, to); }

  label(value, decimals) { return showNumber(value, decimals); }

  paint(pane, from, to) {
    const [first, after] = this.curve.span(from, to);
    const each = this.prices.step / pane.view.span * pane.plotWidth;
    this.paintOrders(pane, from, to);
    if (each >= 3) this.paintCandles(pane, first, after, each);
    else this.paintSpans(pane, from, to);
    this.paintFills(pane, from, to);
  }

  paintSpans(pane, from, to) {
    const { context } = pane;
    context.fillStyle = pane.colour("soft");
    for (const { x, low, high } of pane.columns(this.curve, from, to)) {
      const y = pane.y(high);
      context.fillRect(x - 0.5, y, 1, Math.max(1, pane.y(low) - y));
    }
  }

  paintCandles(pane, first, after, each) {
    const { context } = pane;
    const { times, open, high, low, close } = this.prices;
    const body = Math.max(1, Math.floor(each * 0.7));
    for (let i = first; i < after; i++) {
      const x = pane.x(times[i]) + each / 2;
      context.fillStyle = pane.colour(close[i] >= open[i] ? "up" : "down");
      context.fillRect(x - 0.5, pane.y(high[i]), 1, Math.max(1, pane.y(low[i]) - pane.y(high[i])));
      const top = pane.y(Math.max(open[i], close[i]));
      context.fillRect(x - body / 2, top, body, Math.max(1, pane.y(Math.min(open[i], close[i])) - top));
    }
  }

  paintOrders(pane, from, to) {
    const { context, orders } = { context: pane.context, orders: this.orders };
    const seen = [];
    for (let i = 0; i < orders.from.length; i++) {
      if (orders.from[i] > to) break;
      if (orders.to[i] >= from) seen.push(i);
    }
    // From far away they are a carpet that says nothing.
    if (seen.length > PricePainter.ORDERS_MAX) return;
    context.lineWidth = 1;
    context.globalAlpha = 0.75;
    for (const i of seen) {
      context.strokeStyle = pane.colour(orders.isBuy[i] ? "buy" : "sell");
      context.setLineDash(orders.isFilled[i] ? [] : [4, 3]);
      const y = Math.round(pane.y(orders.price[i])) + 0.5;
      pane.line(pane.x(orders.from[i]), y, Math.max(pane.x(orders.to[i]), pane.x(orders.from[i]) + 1), y);
    }
    context.setLineDash([]);
    context.globalAlpha = 1;
  }

  paintFills(pane, from, to) {
    const { context } = pane;
    const { fills } = this;
    const first = placeOf(fills.at, from - this.prices.step);
    const crowd = (placeOf(fills.at, to) - first) / pane.plotWidth;
    const size = crowd > 0.5 ? 2.5 : crowd > 0.15 ? 3.5 : 5;
    context.globalAlpha = crowd > 0.5 ? 0.6 : 1;
    const half = this.prices.step / 2;
    const drawn = new Set();
    for (let i = first; i < fills.at.length && fills.at[i] <= to; i++) {
      const x = pane.x(fills.at[i] + half), y = pane.y(fills.price[i]);
      // One mark for all that would lie on one another.
      const place = `${Math.round(x / 2)} ${Math.round(y / 2)} ${fills.isBuy[i]}`;
      if (drawn.has(place)) continue;
      drawn.add(place);
      const way = fills.isBuy[i] ? 1 : -1;
      context.fillStyle = pane.colour(fills.isBuy[i] ? "buy" : "sell");
      context.strokeStyle = pane.colour("raised");
      context.lineWidth = 1;
      context.beginPath();
      context.moveTo(x, y);
      context.lineTo(x - size, y + way * size * 1.7);
      context.lineTo(x + size, y + way * size * 1.7);
      context.closePath();
      context.fill();
      context.stroke();
    }
    context.globalAlpha = 1;
  }

  tell(hover, pane) {
    const { times, open, high, low, close, step, decimals } = this.prices;
    const fill = hover.canvas === pane.canvas ? this.nearest(hover, pane) : -1;
    if (fill >= 0) return this.tellFill(fill);
    const i = this.curve.at(hover.at);
    if (i < 0 || hover.at > times[i] + step) return `${showTime(hover.at)}  no candle`;
    const show = (value) => showNumber(value, decimals);
    return `${showTime(times[i])}  open ${show(open[i])}  high ${show(high[i])}  low ${show(low[i])}  close ${show(close[i])}`;
  }

  nearest(hover, pane) {
    const { fills } = this;
    const reach = 9, around = reach / pane.plotWidth * pane.view.span;
    let best = -1, distance = reach * 2;
    const first = placeOf(fills.at, hover.at - around - this.prices.step);
    for (let i = first; i < fills.at.length && fills.at[i] <= hover.at + around; i++) {
      const away = Math.abs(pane.x(fills.at[i] + this.prices.step / 2) - pane.x(hover.at)) + Math.abs(pane.y(fills.price[i]) - hover.y);
      if (away < distance) [best, distance] = [i, away];
    }
    return best;
  }

  tellFill(i) {
    const { fills, money } = this;
    const side = fills.isBuy[i] ? "bought" : "sold";
    return `${showTime(fills.at[i])}  ${fills.bots[fills.bot[i]]} ${side} ${fills.slots[fills.slot[i]]} at `
      + `${showNumber(fills.price[i], this.prices.decimals)}: ${showNumber(fills.value[i], money.digits)} ${money.currency}, `
      + `fee ${showNumber(fills.fee[i], money.digits + 2)}, deal ${fills.cycle[i]}`;
  }
}

class LinesPainter {
  constructor(all, money) { Object.assign(this, { all, money, hidden: new Set() }); }

  get lines() { return this.all.filter(({ name }) => !this.hidden.has(name)); }

  toggle(name) {
    if (!this.hidden.delete(name)) this.hidden.add(name);
    return !this.hidden.has(name);
  }

  range(from, to) {
    const ranges = this.lines.map(({ curve }) => curve.range(from, to));
    return [Math.min(...ranges.map(([low]) => low)), Math.max(...ranges.map(([, high]) => high))];
  }

  label(value, decimals) { return showNumber(value, decimals); }

  paint(pane, from, to) {
    for (const { curve, colour } of [...this.lines].reverse()) pane.trace(curve, from, to, colour);
  }

  tell(hover) {
    const told = this.lines.map(({ curve, name }) => {
      const i = curve.at(hover.at);
      return i < 0 ? "" : `${name} ${showNumber(curve.closes[i], this.money.digits)}`;
    });
    return `${showTime(hover.at)}  ${told.filter(Boolean).join("  ")} ${this.money.currency}`;
  }
}

class DepthPainter {
  constructor(lines, start) {
    this.toZero = true;
    this.lines = lines.map(({ curve, name, colour }) => {
      const depths = new Float64Array(curve.length);
      for (let i = 0, top = start; i < depths.length; i++) {
        top = Math.max(top, curve.closes[i]);
        depths[i] = curve.closes[i] / top - 1;
      }
      return { name, colour, curve: Curve.of(curve.times, depths) };
    });
  }

  range(from, to) {
    return [Math.min(-0.0001, ...this.lines.map(({ curve }) => curve.range(from, to)[0]).filter(Number.isFinite)), 0];
  }

  label(value, decimals) { return `${showNumber(value * 100, Math.max(0, decimals - 2))} %`; }

  paint(pane, from, to) {
    for (const { curve, colour } of [...this.lines].reverse()) pane.trace(curve, from, to, colour);
  }

  tell(hover) {
    return this.lines.map(({ curve, name }) => {
      const i = curve.at(hover.at);
      return i < 0 ? "" : `${this.lines.length > 1 ? `${name} ` : ""}${showNumber(curve.closes[i] * 100, 2)} %`;
    }).filter(Boolean).join("  ");
  }
}

class LadderPainter {
  constructor(times, counts) {
    this.fromZero = true;
    this.times = times;
    this.counts = counts;
    this.highest = counts.reduce((most, one) => Math.max(most, one), 1);
  }

  range() { return [0, this.highest]; }

  label(value, decimals) { return decimals ? "" : showNumber(value, 0); }

  paint(pane, from, to) {
    const { context } = pane;
    const first = Math.max(0, placeOf(this.times, from) - 1);
    context.fillStyle = pane.colour("ladder");
    const floor = pane.y(0);
    for (let i = first; i < this.times.length && this.times[i] <= to; i++) {
      if (!this.counts[i]) continue;
      const left = pane.x(this.times[i]);
      const right = i + 1 < this.times.length ? pane.x(this.times[i + 1]) : pane.plotWidth;
      context.fillRect(left, pane.y(this.counts[i]), Math.max(0.6, right - left), floor - pane.y(this.counts[i]));
    }
  }

  tell(hover) {
    const i = placeOf(this.times, hover.at + 1) - 1;
    const count = i < 0 ? 0 : this.counts[i];
    return `${count} filled`;
  }
}
