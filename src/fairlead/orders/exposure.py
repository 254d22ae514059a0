"""What one account holds and owns, for the limit that counts all accounts of a tenant together."""

from __future__ import annotations

from typing import Final

from fairlead.core.model.money import ZERO
from fairlead.core.model.risk import RiskLimits, UserExposure
from fairlead.core.rules.account_view import AccountView
from fairlead.core.rules.risk_checks.exposure import Exposure
from fairlead.orders.desk_tools import DeskTools, RecordingDesk

PRICES_KEPT_MS: Final = 1_000


class ExposureKeeper:
    """Answers from memory while neither the book changed nor a second passed."""

    def __init__(self, desk: RecordingDesk, tools: DeskTools) -> None:
        """Know nothing yet."""
        self._desk = desk
        self._tools = tools
        self._known: UserExposure | None = None
        self._stamp: tuple[int, int] | None = None

    def read(self) -> UserExposure | None:
        """Worst case of what is held, and equity, in USD; None while it cannot be told."""
        if self._desk.halt_reason:
            return None
        now_ms = self._tools.clock.now_ms()
        stamp = (self._desk.book.version, now_ms // PRICES_KEPT_MS)
        if stamp != self._stamp:
            self._known, self._stamp = self._compute(now_ms), stamp
        return self._known

    def _compute(self, now_ms: int) -> UserExposure | None:
        book, market = self._desk.book, self._tools.market
        view = AccountView(
            account=self._desk.account,
            book=book,
            quotes=market.quotes,
            instruments=market.instruments,
            limits=RiskLimits(),
            profile="",
            now_ms=now_ms,
        )
        exposure, equity = Exposure(view), view.worth.equity_usd
        if equity is None or exposure.unpriced:
            return None
        return UserExposure(gross_usd=exposure.totals(ZERO).gross, equity_usd=equity)
