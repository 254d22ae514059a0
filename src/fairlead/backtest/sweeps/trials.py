"""One run among many: what a worker is asked, what it answers, and what it needs for that."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec

from fairlead.accounts.bot_presets import settings_values
from fairlead.backtest.result import BacktestResult
from fairlead.backtest.sound_settings import require_sound
from fairlead.backtest.spec import BacktestSpec
from fairlead.backtest.sweeps.figures import Figures, figures_of
from fairlead.backtest.sweeps.shared_candles import open_candles
from fairlead.backtest.sweeps.space import Space
from fairlead.core.model.instrument import Instrument
from fairlead.market.candles.series import CandleSeries

Market = Mapping[str, CandleSeries]

FAULTS: Final = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    MemoryError,
    NameError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""What a combination may raise, or the rule that somebody wrote; anything else costs its worker."""


class Run(Protocol):
    """Replays one specification."""

    def __call__(
        self,
        spec: BacktestSpec,
        market: Market,
        instruments: Mapping[str, Instrument],
        *,
        keep_orders: bool = False,
    ) -> BacktestResult:
        """Give the result.

        Raises:
            ValueError: the specification cannot be replayed on these candles.
        """
        ...


class Trial(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A combination by its number, on the candles from ``begin_ms`` to before ``end_ms`` (0: where they end)."""

    number: int
    begin_ms: int = 0
    end_ms: int = 0


class Row(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What came of a trial: figures, or the fault that it ended with."""

    trial: Trial
    figures: Figures | None = None
    fault: str = ""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """Everything that a worker needs: small enough to be sent; the candles are files that all of them map."""

    spec: BacktestSpec
    space: Space
    folder: Path
    instruments: Mapping[str, Instrument]
    run: Run

    def open(self) -> Callable[[Trial], Row]:
        """Open the candles, and be ready for trials."""
        return _Bench(self, open_candles(self.folder)).evaluate


@dataclass
class _Bench:
    """Where trials are run; the candles of the newest window stay at hand."""

    stage: Stage
    market: Market
    before: tuple[dict[str, Any], ...] = ()
    window: tuple[int, int] = (0, 0)
    within: Market = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.before = tuple(settings_values(bot.settings) for bot in self.stage.spec.bots)
        self.within = self.market

    def evaluate(self, trial: Trial) -> Row:
        """Run one; a fault is an answer."""
        try:
            market = self._between(trial.begin_ms, trial.end_ms)
            spec = spec_of(self.stage.spec, self.stage.space, trial, self.before)
            require_sound(spec, market, self.stage.instruments)
            result = self.stage.run(spec, market, self.stage.instruments)
            return Row(trial, figures_of(result))
        except FAULTS as error:
            return Row(trial, None, f"{type(error).__name__}: {error}")

    def _between(self, begin_ms: int, end_ms: int) -> Market:
        if (begin_ms, end_ms) != self.window:
            self.within = market_between(self.market, begin_ms, end_ms)
            self.window = begin_ms, end_ms
        return self.within


def market_between(market: Market, begin_ms: int, end_ms: int) -> Market:
    """The candles of a window; 0 is where they begin or end.

    Raises:
        ValueError: an instrument has none there.
    """
    if not begin_ms and not end_ms:
        return market
    return {
        symbol: series.between(begin_ms or series.begin_ms, end_ms or series.end_ms)
        for symbol, series in market.items()
    }


def spec_of(
    spec: BacktestSpec, space: Space, trial: Trial, before: tuple[dict[str, Any], ...] | None = None
) -> BacktestSpec:
    """What a trial replays: every bot with the values of the combination; ``before`` are their settings, plain.

    Raises:
        SettingsError: a combination makes no settings.
    """
    plain = before or tuple(settings_values(bot.settings) for bot in spec.bots)
    bots = tuple(
        msgspec.structs.replace(bot, settings=space.settings(values, trial.number))
        for bot, values in zip(spec.bots, plain, strict=True)
    )
    return msgspec.structs.replace(
        spec, bots=bots, begin_ms=trial.begin_ms or spec.begin_ms, end_ms=trial.end_ms or spec.end_ms
    )
