// Columns of numbers, as fairlead/backtest/packing.py packs them, and curves that are looked at from any distance.

async function unpack(text) {
  const packed = atob(text);
  const bytes = new Uint8Array(packed.length);
  for (let i = 0; i < packed.length; i++) bytes[i] = packed.charCodeAt(i);
  const width = bytes[0];
  const stream = new Blob([bytes.subarray(1)]).stream().pipeThrough(new DecompressionStream("deflate"));
  const planes = new Uint8Array(await new Response(stream).arrayBuffer());
  const count = planes.length / width;
  const column = new Float64Array(count);
  for (let byte = 0, scale = 1; byte < width; byte++, scale *= 256) {
    const offset = byte * count;
    for (let i = 0; i < count; i++) column[i] += planes[offset + i] * scale;
  }
  for (let i = 0; i < count; i++) {
    const folded = column[i];
    column[i] = folded % 2 ? -(folded + 1) / 2 : folded / 2;
  }
  return column;
}

async function unpackSteps(text) {
  const column = await unpack(text);
  for (let i = 1; i < column.length; i++) column[i] += column[i - 1];
  return column;
}

function scaled(column, unit) {
  for (let i = 0; i < column.length; i++) column[i] *= unit;
  return column;
}

// The first place whose time is not before a moment.
function placeOf(times, moment) {
  let low = 0, high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle] < moment) low = middle + 1; else high = middle;
  }
  return low;
}

// Lowest and highest of every 8, 64, 512 ... values: as many points as there are pixels suffice, whatever the distance.
class Curve {
  static STEP = 8;

  constructor(times, lows, highs, closes) {
    this.times = times;
    this.closes = closes;
    this.levels = [{ lows, highs }];
    for (let below = this.levels[0]; below.lows.length > 512;) {
      const count = Math.ceil(below.lows.length / Curve.STEP);
      const level = { lows: new Float64Array(count).fill(Infinity), highs: new Float64Array(count).fill(-Infinity) };
      for (let i = 0; i < below.lows.length; i++) {
        const place = Math.floor(i / Curve.STEP);
        if (below.lows[i] < level.lows[place]) level.lows[place] = below.lows[i];
        if (below.highs[i] > level.highs[place]) level.highs[place] = below.highs[i];
      }
      this.levels.push(level);
      below = level;
    }
  }

  static of(times, values) { return new Curve(times, values, values, values); }

  get length() { return this.times.length; }

  // Places [first, after) of what is seen, with one more on either side, so that lines leave the picture.
  span(from, to) {
    const first = Math.max(0, placeOf(this.times, from) - 1);
    return [first, Math.min(this.length, placeOf(this.times, to) + 1)];
  }

  // Lowest and highest of the places [first, after): whole blocks where they fit, single values at both ends.
  extremes(first, after) {
    let low = Infinity, high = -Infinity;
    for (let depth = 0; first < after; depth++) {
      const { lows, highs } = this.levels[depth];
      const isTop = depth === this.levels.length - 1;
      const take = (i) => { if (lows[i] < low) low = lows[i]; if (highs[i] > high) high = highs[i]; };
      while (first < after && (isTop || first % Curve.STEP)) take(first++);
      while (first < after && after % Curve.STEP) take(--after);
      first /= Curve.STEP;
      after /= Curve.STEP;
    }
    return [low, high];
  }

  range(from, to) {
    const [first, after] = this.span(from, to);
    return first < after ? this.extremes(first, after) : [Infinity, -Infinity];
  }

  // The newest place as of a moment, -1 where there is none.
  at(moment) { return placeOf(this.times, moment + 1) - 1; }
}
