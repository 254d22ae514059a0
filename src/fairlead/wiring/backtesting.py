"""Sets the stage of a replay: candles of the archive, instruments as a venue lists them, rules of a folder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

from fairlead.backtest.engine_run import EngineRun
from fairlead.backtest.following import Followed
from fairlead.backtest.keeping import Funding
from fairlead.backtest.sound_settings import require_sound
from fairlead.backtest.spec import BacktestSpec, BotSpec
from fairlead.backtest.sweeps.space import Space
from fairlead.backtest.sweeps.sweep import Scene
from fairlead.backtest.warming import NO_SPACE, candles_before
from fairlead.core.model.bots.user_rule import RuleSettings
from fairlead.core.model.instrument import Instrument
from fairlead.core.rules.bots.imagined_market import Terms
from fairlead.core.rules.bots.preview import new_state, preview_bot
from fairlead.core.rules.bots.scaling import scale_sizes
from fairlead.market.candles.drilling import finest_timeframe
from fairlead.market.candles.funding import load_funding
from fairlead.market.candles.load import exchange_folder, load_window
from fairlead.market.candles.series import CandleSeries
from fairlead.simulator.instruments import DEFAULT_INSTRUMENTS
from fairlead.wiring.rule_files import RuleFiles


@dataclass(frozen=True, kw_only=True)
class Replay:
    """One run before it is run: what, on which candles of which exchange, and by whom."""

    spec: BacktestSpec
    market: Mapping[str, CandleSeries]
    instruments: Mapping[str, Instrument]
    exchange: str
    run: EngineRun
    stretch: Stretch
    rules_key: str = ""

    def warmed(self, space: Space = NO_SPACE) -> Replay:
        """The same with the candles that conditions look back at from the first close, whatever is tried of a space.

        Raises:
            ValueError: a condition or a rule cannot be read, or the candles are damaged.
        """
        is_given = any(bot.name in self.run.signals for bot in self.spec.bots)
        if is_given or not self.spec.warm_up or not self.stretch.begin_ms:
            return self
        market = dict(self.market)
        for symbol, candles in candles_before(self.spec, self.run.find_rule, space).items():
            if candles != market[symbol].earlier:
                market[symbol] = self.stretch.load(symbol, candles)
        return replace(self, market=market)

    def scene(self, folder: Path, workers: int = 0) -> Scene:
        """The same for many runs; their rows are kept in this data folder."""
        return Scene(
            spec=self.spec,
            market=self.market,
            instruments=self.instruments,
            run=self.run,
            folder=folder,
            rules_key=self.rules_key,
            workers=workers,
        )


@dataclass(frozen=True, kw_only=True)
class History:
    """Candles of one instrument and the funding rates of their time; ``exchange`` says whose."""

    exchange: str
    series: CandleSeries
    funding: Funding | None


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """Which candles of an archive: from ``begin_ms`` to before ``end_ms`` (0: to the end).

    ``exchange`` may be empty where only one has any. ``fill_timeframe`` is as a specification has it.
    """

    root: Path
    exchange: str
    timeframe: str
    begin_ms: int = 0
    end_ms: int = 0
    fill_timeframe: str = ""

    def load(self, symbol: str, earlier: int = 0) -> CandleSeries:
        """The candles of an instrument, which know so many earlier ones, as far as those are kept.

        Raises:
            NoCandlesError: there are none; the message says how to get some.
            ValueError: they are damaged.
        """
        folder = exchange_folder(self.root, symbol, self.exchange)
        span = (self.begin_ms, self.end_ms)
        return load_window(folder, symbol, self.fill_timeframe or self.timeframe, span, earlier)

    def drilled(self, symbols: Iterable[str]) -> Stretch:
        """The same, with orders filled on the finest candles that all of these instruments have.

        Raises:
            NoCandlesError: there are none; the message says how to get some.
            ValueError: they are damaged, or there can be none.
        """
        folders = {symbol: exchange_folder(self.root, symbol, self.exchange) for symbol in symbols}
        finest = finest_timeframe(folders, self.timeframe, self.begin_ms, self.end_ms)
        return replace(self, fill_timeframe=finest)


def open_history(stretch: Stretch, symbol: str) -> History:
    """Candles of an instrument from the archive, with the funding rates that are kept of it.

    Raises:
        NoCandlesError: there are none; the message says how to get some.
        ValueError: they are damaged.
    """
    folder = exchange_folder(stretch.root, symbol, stretch.exchange)
    times, rates = load_funding(folder, symbol, stretch.begin_ms, stretch.end_ms)
    return History(exchange=folder.name, series=stretch.load(symbol), funding=Funding(times, rates) if rates else None)


def listed_instruments() -> Mapping[str, Instrument]:
    """What the paper venue lists, by symbol: for whoever has no account."""
    return {instrument.symbol: instrument for instrument in DEFAULT_INSTRUMENTS}


def set_replay(
    spec: BacktestSpec,
    stretch: Stretch,
    histories: Sequence[History],
    instruments: Mapping[str, Instrument],
    *,
    rules_dir: Path | None = None,
    followed: Followed | None = None,
) -> Replay:
    """Give a specification the history of its instruments, and the folder of rules or the signals that it follows.

    ``histories`` are of this ``stretch``; what conditions look back at from its beginning is added.

    Raises:
        ValueError: a rule is not there or cannot be used, or the settings would make no bot.
    """
    market = {one.series.symbol: one.series for one in histories}
    require_sound(spec, market, instruments)
    funding = {one.series.symbol: one.funding for one in histories if one.funding is not None}
    if followed is not None:
        name = followed.bot.name
        run, rules_key = EngineRun(funding=funding, rules={name: followed.rule}, signals={name: followed.told}), ""
    else:
        files = RuleFiles(rules_dir)
        names = sorted({bot.settings.rule for bot in spec.bots if isinstance(bot.settings, RuleSettings)})
        run, rules_key = EngineRun(funding=funding, find_rule=files.find), " ".join(map(files.digest, names))
    return Replay(
        spec=spec,
        market=market,
        instruments={symbol: instruments[symbol] for symbol in market},
        exchange=histories[0].exchange,
        run=run,
        stretch=stretch,
        rules_key=rules_key,
    ).warmed()


def scale_to_budget(bot: BotSpec, instrument: Instrument, terms: Terms, price: Decimal, budget: Decimal) -> BotSpec:
    """The same bot, larger or smaller, so that its worst case from this price takes at most the budget.

    Raises:
        ValueError: there is no rule for its settings.
    """
    worst = preview_bot(
        new_state(bot.settings, instrument, terms, tenant="", account_id=""), bot.settings, instrument, terms, price
    ).worst
    if not worst.capital:
        return bot
    settings = scale_sizes(bot.settings, budget / worst.capital)
    return BotSpec(name=bot.name, symbol=bot.symbol, settings=settings)
