// One canvas: axes, a grid, what its painter paints, and a line under the pointer.

const MINUTE = 60_000, HOUR = 60 * MINUTE, DAY = 24 * HOUR;
const TIME_STEPS = [MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 4 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY, 14 * DAY];
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

const two = (number) => String(number).padStart(2, "0");

function showTime(at) {
  const date = new Date(at);
  return `${date.getUTCFullYear()}-${two(date.getUTCMonth() + 1)}-${two(date.getUTCDate())} `
    + `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}`;
}

function showNumber(value, decimals) {
  return value.toLocaleString("en-US", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
}

function timeTicks(from, to, most) {
  const step = TIME_STEPS.find((one) => (to - from) / one <= most);
  const ticks = [];
  if (step) {
    for (let at = Math.ceil(from / step) * step; at <= to; at += step) {
      const date = new Date(at);
      const isDay = at % DAY === 0;
      const label = isDay ? `${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]}` : `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}`;
      ticks.push({ at, label });
    }
    return ticks;
  }
  const months = (to - from) / (30.4 * DAY);
  const every = [1, 2, 3, 4, 6, 12, 24, 60, 120].find((one) => months / one <= most) || 240;
  const date = new Date(from);
  for (let month = Math.ceil((date.getUTCFullYear() * 12 + date.getUTCMonth()) / every) * every; ; month += every) {
    const at = Date.UTC(Math.floor(month / 12), month % 12, 1);
    if (at > to) return ticks;
    const label = month % 12 ? MONTHS[month % 12] : String(Math.floor(month / 12));
    if (at >= from) ticks.push({ at, label });
  }
}

function valueTicks(low, high, most) {
  const rough = (high - low) / Math.max(1, most);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((one) => one * power).find((one) => one >= rough) || power * 10;
  const ticks = [];
  for (let value = Math.ceil(low / step) * step; value <= high + step * 1e-9; value += step) ticks.push(value);
  return { ticks, decimals: Math.max(0, -Math.floor(Math.log10(step) + 1e-9)) };
}

class Pane {
  constructor(view, figure, painter) {
    this.view = view;
    this.painter = painter;
    this.canvas = figure.querySelector("canvas");
    this.readout = figure.querySelector(".readout");
    this.context = this.canvas.getContext("2d");
    view.panes.push(this);
    view.listen(this.canvas, () => this.plotWidth);
    new ResizeObserver(() => view.redraw()).observe(this.canvas);
  }

  colour(name) { return this.style.getPropertyValue(`--${name}`).trim(); }

  x(at) { return (at - this.view.from) / this.view.span * this.plotWidth; }

  y(value) { return this.top + (this.high - value) / (this.high - this.low) * (this.bottom - this.top); }

  draw() {
    const { context, canvas, view } = this;
    const ratio = window.devicePixelRatio || 1;
    const width = canvas.clientWidth, height = canvas.clientHeight;
    if (!width) return;
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
    }
    this.style = getComputedStyle(document.documentElement);
    this.plotWidth = width - (width < 600 ? 54 : 72);
    this.top = 8;
    this.bottom = height - 22;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    context.font = "11px system-ui, sans-serif";
    [this.low, this.high] = this.painter.range(view.from, view.to);
    if (!Number.isFinite(this.low)) [this.low, this.high] = [0, 1];
    const room = (this.high - this.low || Math.abs(this.high) || 1) * 0.05;
    if (!this.painter.fromZero) this.low -= room;
    if (!this.painter.toZero) this.high += room;
    this.drawGrid(width);
    context.save();
    context.beginPath();
    context.rect(0, 0, this.plotWidth, height);
    context.clip();
    if (view.marked) {
      context.fillStyle = this.colour("band");
      const [left, right] = view.marked.map((at) => this.x(at));
      context.fillRect(left, 0, Math.max(2, right - left), this.bottom);
    }
    this.painter.paint(this, view.from, view.to);
    if (view.hover) this.drawHover();
    context.restore();
    this.readout.textContent = view.hover ? this.painter.tell(view.hover, this) : "";
  }

  drawGrid(width) {
    const { context, view } = this;
    context.lineWidth = 1;
    context.strokeStyle = this.colour("grid");
    context.fillStyle = this.colour("soft");
    context.textBaseline = "middle";
    context.textAlign = "left";
    const { ticks, decimals } = valueTicks(this.low, this.high, (this.bottom - this.top) / 42);
    for (const value of ticks) {
      const y = Math.round(this.y(value)) + 0.5;
      this.line(0, y, this.plotWidth, y);
      context.fillText(this.painter.label(value, decimals), this.plotWidth + 6, y, width - this.plotWidth - 8);
    }
    context.textBaseline = "alphabetic";
    context.textAlign = "center";
    for (const { at, label } of timeTicks(view.from, view.to, this.plotWidth / (this.plotWidth < 500 ? 64 : 84))) {
      const x = Math.round(this.x(at)) + 0.5;
      this.line(x, this.top, x, this.bottom);
      if (x > 18 && x < this.plotWidth - 12) context.fillText(label, x, this.bottom + 15);
    }
  }

  drawHover() {
    const { context, view } = this;
    const x = Math.round(this.x(view.hover.at)) + 0.5;
    context.setLineDash([3, 3]);
    context.strokeStyle = this.colour("soft");
    this.line(x, 0, x, this.bottom);
    if (view.hover.canvas === this.canvas) this.line(0, view.hover.y, this.plotWidth, view.hover.y);
    context.setLineDash([]);
  }

  line(fromX, fromY, toX, toY) {
    this.context.beginPath();
    this.context.moveTo(fromX, fromY);
    this.context.lineTo(toX, toY);
    this.context.stroke();
  }

  // A curve: from point to point where there are few, else the span of each column of pixels.
  trace(curve, from, to, colour) {
    const { context } = this;
    const [first, after] = curve.span(from, to);
    context.strokeStyle = this.colour(colour);
    context.lineWidth = 1.4;
    context.lineJoin = "round";
    context.beginPath();
    if (after - first <= this.plotWidth * 2) {
      for (let i = first; i < after; i++) context.lineTo(this.x(curve.times[i]), this.y(curve.closes[i]));
    } else {
      for (const { x, low, high, last } of this.columns(curve, from, to)) {
        context.lineTo(x, this.y(high));
        context.lineTo(x, this.y(low));
        context.lineTo(x, this.y(last));
      }
    }
    context.stroke();
  }

  * columns(curve, from, to) {
    const perPixel = this.view.span / this.plotWidth;
    let first = placeOf(curve.times, from);
    for (let x = 0; x < this.plotWidth; x++) {
      const after = placeOf(curve.times, from + (x + 1) * perPixel);
      if (after > first) {
        const [low, high] = curve.extremes(first, after);
        yield { x: x + 0.5, low, high, last: curve.closes[after - 1], first, after };
      }
      first = after;
    }
  }
}
