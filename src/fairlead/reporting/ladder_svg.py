"""Draws a bot's ladder: where it buys, how much, where its average and its exit are after each level. One SVG."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Final
from xml.sax.saxutils import escape

import msgspec

from fairlead.core.model.bots.preview import BotPreview, LadderRow
from fairlead.core.model.money import ONE, ZERO
from fairlead.core.rules.sizing import show
from fairlead.reporting.bot_words import slot_name

WIDTH: Final = 760
TOP: Final = 56
ROW_HEIGHT: Final = 34
LABEL_GAP: Final = 15
LEFT: Final = 150
BARS_WIDTH: Final = 330
_STYLE: Final = (
    "text{font:12px sans-serif;fill:#222}.h{font:bold 14px sans-serif}.r{text-anchor:end}.f{fill:#777}"
    ".l{stroke:#bbb}.b{fill:#4a7fb5}.a{fill:none;stroke:#d08a1d;stroke-width:2}.t{fill:#2e8b57}.s{stroke:#c0392b;"
    "stroke-width:2;stroke-dasharray:6 4}"
)


class _Scale(msgspec.Struct, frozen=True):
    """From prices to heights."""

    top: Decimal
    bottom: Decimal
    height: int

    def y(self, price: Decimal) -> Decimal:
        share = (self.top - price) / (self.top - self.bottom) if self.top > self.bottom else ZERO
        return round(TOP + share * self.height, 1)


def ladder_svg(preview: BotPreview, title: str) -> str:
    """Draw it. Blue bars are what each level costs, the orange line is the average, green marks are the exits."""
    rows = sorted(preview.rows, key=lambda row: -row.price)
    scale = _scale_of(preview)
    height = TOP + scale.height + 40
    frame = f'width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" role="img"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {frame}>',
        f"<title>{escape(title)}</title>",
        f"<style>{_STYLE}</style>",
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
        f'<text class="h" x="16" y="24">{escape(title)}</text>',
        '<text class="f" x="16" y="42">bars: cost of a level; orange: average; green: exit once it is filled</text>',
        *_levels(rows, scale),
        *_average(preview.rows, scale),
        *_stop(preview, scale),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _scale_of(preview: BotPreview) -> _Scale:
    prices = [row.price for row in preview.rows] + [row.average for row in preview.rows]
    prices += [row.take_profit[0] for row in preview.rows if row.take_profit]
    if preview.worst.stop_price is not None:
        prices.append(preview.worst.stop_price)
    top, bottom = max(prices, default=ONE), min(prices, default=ZERO)
    return _Scale(top, bottom, max(4, len(preview.rows)) * ROW_HEIGHT)


def _levels(rows: Sequence[LadderRow], scale: _Scale) -> Iterator[str]:
    most = max((row.cost for row in rows), default=ONE)
    label_y = Decimal(0)
    for row in rows:
        y = scale.y(row.price)
        # Labels of levels that lie close together give way to each other; the lines stay where they are.
        label_y = max(y + 4, label_y + LABEL_GAP)
        width = round(row.cost / most * BARS_WIDTH, 1)
        yield f'<line class="l" x1="{LEFT}" x2="{WIDTH - 20}" y1="{y}" y2="{y}"/>'
        yield f'<rect class="b" x="{LEFT}" y="{y - 4}" width="{width}" height="8"/>'
        yield f'<text class="r" x="{LEFT - 8}" y="{label_y}">{escape(slot_name(row.slot))} at {show(row.price)}</text>'
        told = f"{show(round(row.cost, 2))}, in all {show(round(row.cost_in_all, 2))}, {round(row.away, 2)} % away"
        yield f'<text class="f r" x="{WIDTH - 20}" y="{label_y - 7}">{told}</text>'


def _average(rows: Sequence[LadderRow], scale: _Scale) -> Iterator[str]:
    """The average and the nearest exit, level by level from left to right."""
    if not rows:
        return
    gap = Decimal(BARS_WIDTH) / len(rows)
    points = [(round(LEFT + gap * number + gap / 2, 1), row) for number, row in enumerate(rows)]
    line = " ".join(f"{x},{scale.y(row.average)}" for x, row in points)
    yield f'<polyline class="a" points="{line}"/>'
    for x, row in points:
        if row.take_profit:
            y = scale.y(row.take_profit[0])
            yield f'<path class="t" d="M{x - 6},{y} h12 l-6,-9 z"><title>{show(row.take_profit[0])}</title></path>'


def _stop(preview: BotPreview, scale: _Scale) -> Iterator[str]:
    worst = preview.worst
    if worst.stop_price is None or worst.loss is None:
        return
    y = scale.y(worst.stop_price)
    yield f'<line class="s" x1="{LEFT}" x2="{WIDTH - 20}" y1="{y}" y2="{y}"/>'
    lost = f"stop at {show(round(worst.stop_price, 2))}: loses {show(round(worst.loss, 2))} {worst.currency}"
    yield f'<text x="{LEFT}" y="{y + 16}">{escape(lost)}</text>'
