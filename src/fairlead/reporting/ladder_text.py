"""A bot's ladder and its worst case, as people read them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Final

from fairlead.core.model.bots.preview import BotPreview, LadderRow, WorstCase
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.money import ZERO, format_amount
from fairlead.core.rules.sizing import show, show_in
from fairlead.reporting.bot_words import slot_name

BAR_WIDTH: Final = 24
# The picture of a long ladder is of no use to anybody; its first and last levels are.
ROWS_SHOWN_MAX: Final = 40
EXITS_SHOWN_MAX: Final = 2
# A price so many times higher than the entry is no danger that anybody plans for.
FAR: Final = 10
_CENT: Final = Decimal("0.01")


def ladder_rows(preview: BotPreview, instrument: Instrument) -> list[dict[str, str]]:
    """One row for each entry, as a table; the bar is its share of the largest."""
    most = max((row.cost for row in preview.rows), default=ZERO)
    return [_row(row, instrument, most) for row in _shown(preview.rows)]


def worst_case_lines(worst: WorstCase) -> Iterator[str]:
    """What it may take and lose, a sentence each."""
    parts = (("cost", worst.cost), ("margin", worst.margin), ("fees", worst.fees), ("open loss", worst.open_loss))
    told = " + ".join(f"{show(_cents(value))} {name}" for name, value in parts if value)
    yield f"worst case   {money(worst.capital, worst.currency)}: {told or 'nothing is opened'}"
    if worst.loss is None:
        yield "stop-loss    none: a deal whose price does not come back is held, and may lose all it cost"
    elif worst.stop_price is not None:
        lost = money(worst.loss, worst.currency)
        yield f"stop-loss    at {show(worst.stop_price)}: loses {lost} after fees, with every level filled"


def money(value: Decimal, currency: str) -> str:
    """An amount in cents, or as fine as it must be told."""
    return show_in(_cents(value), currency)


def _cents(value: Decimal) -> Decimal:
    return round(value, 2) if abs(value) >= _CENT * 100 else value


def _shown(rows: Sequence[LadderRow]) -> Iterable[LadderRow]:
    if len(rows) <= ROWS_SHOWN_MAX:
        return rows
    half = ROWS_SHOWN_MAX // 2
    return (*rows[:half], *rows[-half:])


def _row(row: LadderRow, instrument: Instrument, most: Decimal) -> dict[str, str]:
    told = {
        "level": slot_name(row.slot),
        "price": show(row.price),
        "away": f"{round(row.away, 2)} %",
        "quantity": show_in(row.quantity, instrument.quantity_unit),
        "cost": show(_cents(row.cost)),
        "in_all": show(_cents(row.cost_in_all)),
        "average": show(round(row.average, _digits(instrument))),
        "take_profit": ", ".join(show(price) for price in row.take_profit[:EXITS_SHOWN_MAX]),
    }
    if not instrument.is_spot:
        told["liquidation"] = _liquidation(row, instrument)
    bar = int(row.cost / most * BAR_WIDTH) if most else 0
    return told | {"": "#" * max(1, bar)}


def _liquidation(row: LadderRow, instrument: Instrument) -> str:
    if row.liquidation is None or row.liquidation > row.price * FAR:
        return "none"
    return show(round(row.liquidation, _digits(instrument)))


def _digits(instrument: Instrument) -> int:
    """Averages are told two digits finer than prices."""
    exponent = instrument.tick_size.normalize().as_tuple().exponent
    return 2 - min(0, exponent) if isinstance(exponent, int) else 2


def ladder_values(preview: BotPreview) -> list[dict[str, object]]:
    """The same for a program: plain texts, nothing rounded."""
    return [
        {
            "slot": row.slot,
            "price": format_amount(row.price),
            "away_percent": format_amount(row.away),
            "quantity": format_amount(row.quantity),
            "cost": format_amount(row.cost),
            "cost_in_all": format_amount(row.cost_in_all),
            "held": format_amount(row.held),
            "average": format_amount(row.average),
            "break_even": format_amount(row.break_even),
            "take_profit": [format_amount(price) for price in row.take_profit],
            "liquidation": None if row.liquidation is None else format_amount(row.liquidation),
        }
        for row in preview.rows
    ]


def worst_case_values(worst: WorstCase) -> dict[str, object]:
    """The worst case for a program."""
    amounts = ("capital", "cost", "margin", "fees", "open_loss", "at_once", "stop_price", "loss")
    told = {name: getattr(worst, name) for name in amounts}
    return {"currency": worst.currency} | {
        name: None if value is None else format_amount(value) for name, value in told.items()
    }
