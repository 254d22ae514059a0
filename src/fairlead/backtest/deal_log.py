"""Writes down the deals of one replayed bot as they go."""

from __future__ import annotations

from decimal import Decimal

from fairlead.backtest.account import worth_of
from fairlead.backtest.result import DealRow, Fill
from fairlead.core.model.bots.deal import Deal
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.money import ZERO


class DealLog:
    """The deals of one bot, oldest first; one that never had a fill is none."""

    __slots__ = ("_began_ms", "_bot", "_cost_max", "_fees", "_fills", "_funding", "_levels", "rows")

    def __init__(self, bot: int) -> None:
        """Begin without any."""
        self._bot = bot
        self.rows: list[DealRow] = []
        self._began_ms = self._fills = self._levels = 0
        self._fees = self._cost_max = self._funding = ZERO

    def note(self, fill: Fill, after: Deal) -> None:
        """A fill of the running deal, and the deal after it."""
        self._began_ms = self._began_ms or fill.at_ms
        self._fills += 1
        self._fees += fill.fee
        if fill.opens:
            self._levels += 1
            self._cost_max = max(self._cost_max, after.cost)

    def note_funding(self, added: Decimal) -> None:
        """What funding added to the running deal."""
        self._funding += added

    def end(self, deal: Deal, cycle: int, at_ms: int, why: str) -> None:
        """The running deal is over, with this ledger."""
        if self._fills:
            self._write(cycle, ended_ms=at_ms, profit=deal.realized + self._funding, why=why)
        self._clear()

    def finish(self, deal: Deal, cycle: int, instrument: Instrument, price: Decimal) -> None:
        """No more candles: what is open counts at the last price, without the fees of closing it."""
        if not self._fills:
            return
        worth = worth_of(deal, instrument, price)
        gain = worth - deal.cost if instrument.is_spot else worth
        self._write(cycle, ended_ms=0, profit=deal.realized + gain - deal.fees + self._funding, why="")

    def _write(self, cycle: int, *, ended_ms: int, profit: Decimal, why: str) -> None:
        self.rows.append(
            DealRow(
                bot=self._bot,
                cycle=cycle,
                began_ms=self._began_ms,
                ended_ms=ended_ms,
                levels=self._levels,
                fills=self._fills,
                cost_max=self._cost_max,
                profit=profit,
                fees=self._fees,
                funding=self._funding,
                why=why,
            )
        )

    def _clear(self) -> None:
        self._began_ms = self._fills = self._levels = 0
        self._fees = self._cost_max = self._funding = ZERO
