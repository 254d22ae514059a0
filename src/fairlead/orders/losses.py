"""Keeps an account's loss ladder: what its equity changes is a fact before anything else is decided."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Final

from fairlead.core.model import events as ev
from fairlead.core.model.loss import LossStanding
from fairlead.core.model.money import ZERO, floor_to_step
from fairlead.core.rules.loss_state import MONEY_STEP, halting, loss_events, observe, standing_of
from fairlead.core.rules.valuation import AccountWorth, usd_rate, worth_of
from fairlead.orders.desk_tools import DeskTools, RecordingDesk

# Kinds of cash movements that are neither profit nor loss.
TRANSFERS: Final = frozenset({"deposit", "withdrawal", "transfer"})


class LossKeeper:
    """Looks at one account's equity, at each decision and at least once a second."""

    def __init__(self, desk: RecordingDesk, tools: DeskTools) -> None:
        """Know nothing; what outlives a restart is in the book."""
        self._desk = desk
        self._tools = tools

    def look(self, worth: AccountWorth | None = None) -> LossStanding:
        """Note what the present equity changes, and tell what is allowed now; ``worth`` where it is known already."""
        desk, now_ms = self._desk, self._tools.clock.now_ms()
        limits = self._tools.loss_limits(desk.account)
        equity = self._equity(worth)
        if equity is not None:
            zone = self._tools.zone(desk.account)
            changes = observe(desk.book.losses, equity, now_ms=now_ms, zone=zone, limits=limits)
            if changes:
                desk.record(tuple(loss_events(changes, desk.account.account_id, now_ms)))
        return standing_of(desk.book.losses, equity, now_ms=now_ms, limits=limits)

    def lift(self, reason: str) -> None:
        """Let the account trade again after its losses; they are counted from its present equity."""
        desk, now_ms = self._desk, self._tools.clock.now_ms()
        equity = self._equity()
        if equity is None:
            # Counted from nothing, the very next look would halt it again, or never.
            return
        account_id = desk.account.account_id
        desk.record(
            [
                ev.LossLimitLifted(account_id=account_id, step=latch.step, equity=equity, reason=reason, at_ms=now_ms)
                for latch in halting(desk.book.losses)
            ],
        )

    def with_transfers(self, events: Iterable[ev.AccountEvent]) -> Iterator[ev.AccountEvent]:
        """Add to each deposit or withdrawal that is new what it means for losses."""
        for event in events:
            is_new = isinstance(event, ev.CashAdjusted) and event.adjustment not in self._desk.book.adjustments
            # Asked before the book hears of it.
            counted = self._count(event) if isinstance(event, ev.CashAdjusted) and is_new else None
            yield event
            if counted is not None:
                yield counted

    def _count(self, event: ev.CashAdjusted) -> ev.TransferCounted | None:
        if event.kind not in TRANSFERS:
            return None
        rate = usd_rate(event.currency, self._tools.market.quotes)
        equity = self._equity()
        return ev.TransferCounted(
            account_id=event.account_id,
            adjustment=event.adjustment,
            # Cash without a price is worth nothing here, as it is in equity.
            amount_usd=ZERO if rate is None else floor_to_step(event.amount * rate, MONEY_STEP),
            equity_before_usd=self._desk.book.losses.peak_equity if equity is None else equity,
            at_ms=event.at_ms,
        )

    def _equity(self, worth: AccountWorth | None = None) -> Decimal | None:
        market = self._tools.market
        worth = worth or worth_of(self._desk.book, market.quotes, market.instruments)
        # A price that is missing for a moment is no loss, and must close nothing.
        return None if worth.lacks_price else worth.equity_usd
