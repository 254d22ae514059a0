"""What is replayed and what is assumed: every assumption is a named setting, and together they make one result."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Final

import msgspec

from fairlead.core.model.account import FeeRates
from fairlead.core.model.bots.bot import Settings
from fairlead.core.model.money import ZERO

BOTS_MAX: Final = 50
"""Bots of one replayed account."""


class IntraBar(StrEnum):
    """What is believed of a candle that touches orders on both sides; within a candle nobody knows what came first.

    ``pessimistic``: entries and stops fill, a take-profit waits for the next candle. ``exit_first``: what closes fills
    first. ``path``: open, low, high, close in a candle that rises and open, high, low, close in one that falls, with
    the rule asked at each touch. ``drill``: nothing of a candle that finer ones can tell. Those are replayed
    (``BacktestSpec.fill_timeframe``), and within one of them it is ``pessimistic``.
    """

    PESSIMISTIC = "pessimistic"
    EXIT_FIRST = "exit_first"
    PATH = "path"
    DRILL = "drill"


class FeeCurrency(StrEnum):
    """In what a spot buy pays its fee: in the coin that is received (as OKX does), or in the quote currency."""

    RECEIVED = "received"
    QUOTE = "quote"


class ReplayTerms(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What an order meets there.

    ``slippage`` is what a market order loses, as a fraction of the price; a limit order fills at its price, or at the
    open of a candle that begins beyond it. ``latency_ms``: what is decided at a close can fill in candles that open so
    much later or more. ``funding``: charge the funding rates that are known of a perpetual.
    """

    fees: FeeRates = FeeRates()
    fee_currency: FeeCurrency = FeeCurrency.RECEIVED
    slippage: Decimal = ZERO
    latency_ms: int = 0
    intra_bar: IntraBar = IntraBar.PESSIMISTIC
    funding: bool = True


class BotSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One bot of the account: its name, its instrument, and its settings as a live bot has them."""

    name: str
    symbol: str
    settings: Settings


class BacktestSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One run: bots that share the cash of one account.

    ``cash`` is what it begins with, in ``currency``, the currency that every instrument of its bots settles in.
    ``begin_ms`` and ``end_ms`` bound the candles (0: all there are). ``risk_profile`` names the limits that every order
    is checked against; empty: none are. ``seed`` is for whatever draws lots around the run; the run itself draws none.
    ``fill_timeframe``, with ``IntraBar.DRILL`` and only there, is that of the candles which are replayed; ``timeframe``
    is then what conditions and rules look at that name none. ``warm_up``: conditions also look at candles before the
    first one that is replayed, where some are known; without it they begin with that one.
    """

    bots: tuple[BotSpec, ...]
    cash: Decimal
    currency: str = "USDT"
    timeframe: str = "1m"
    fill_timeframe: str = ""
    begin_ms: int = 0
    end_ms: int = 0
    terms: ReplayTerms = ReplayTerms()
    warm_up: bool = True
    risk_profile: str = ""
    seed: int = 0

    @property
    def replayed_timeframe(self) -> str:
        """Of the candles that are replayed."""
        return self.fill_timeframe or self.timeframe

    @property
    def default_timeframe(self) -> str:
        """What is meant where a condition or a rule names no bars; empty: what is meant live."""
        return self.timeframe if self.fill_timeframe else ""
