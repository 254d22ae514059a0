"""Runs a backtest: the bots of one account over their candles, in the order of time."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from functools import partial

import msgspec
import numpy as np
from msgspec.structs import replace

from fairlead.accounts.profiles import ProfileBook
from fairlead.backtest.account import ReplayAccount
from fairlead.backtest.checks.account_gate import AccountGate
from fairlead.backtest.checks.risk_gate import RiskGate, make_gate
from fairlead.backtest.curves import Traded, align, curves_of, hold_curve
from fairlead.backtest.engine import BotReplay, Stage
from fairlead.backtest.keeping import Funding, Gate, Placing
from fairlead.backtest.ladders.fill_log import LadderFills, placed_at
from fairlead.backtest.ladders.quick import quick_backtest
from fairlead.backtest.result import BacktestResult, Curve
from fairlead.backtest.schedule import Schedule
from fairlead.backtest.search import Search, make_search
from fairlead.backtest.signals import schedule_of
from fairlead.backtest.spec import BOTS_MAX, BacktestSpec, BotSpec, FeeCurrency, IntraBar
from fairlead.backtest.targets.quick import quick_targets, takes_targets
from fairlead.backtest.targets.target_run import TargetRun
from fairlead.core.model.account import MarginMode
from fairlead.core.model.bots.bot import BotState
from fairlead.core.model.instrument import Instrument
from fairlead.core.rules.bots.rules import FindRule, Rule, make_rule, no_rules
from fairlead.core.rules.margin import leverage_of
from fairlead.market.candles.series import CandleSeries, Ticks


class Extras(msgspec.Struct, frozen=True, kw_only=True):
    """What a run may have beside candles and settings, by symbol or by the name of a bot.

    ``searches`` are those of series that other runs have used; ``rules`` go before what settings say; ``signals`` are
    times and texts that a bot is told; ``begins`` are bots that go on from where they stood, with what they hold and
    what rested. ``gate`` judges orders instead of the risk checks of the spec's profile, which ``profiles`` has (by
    default the built-in ones); ``keep_orders`` writes down how long each one rested.
    """

    find_rule: FindRule = no_rules
    searches: Mapping[str, Search] = {}
    funding: Mapping[str, Funding] = {}
    rules: Mapping[str, Rule] = {}
    signals: Mapping[str, Sequence[tuple[int, str]]] = {}
    begins: Mapping[str, BotState] = {}
    gate: Gate | None = None
    profiles: ProfileBook | None = None
    keep_orders: bool = False


NO_EXTRAS = Extras()


def run_backtest(
    spec: BacktestSpec,
    market: Mapping[str, CandleSeries],
    instruments: Mapping[str, Instrument],
    extras: Extras = NO_EXTRAS,
) -> BacktestResult:
    """Replay the bots of one account; ``market`` and ``instruments`` are by symbol.

    Candles before ``spec.begin_ms`` are only looked back at by conditions (``spec.warm_up``). The same arguments give
    the same result, bit for bit. Most runs lose too little for the loss ladder to matter: a run
    is made without it, and again with it where its equity shows that it would have.

    Raises:
        ValueError: there is no bot or too many, a symbol has no candles or no instrument in that time, or others than
            orders shall be filled on, an instrument settles in another currency than the account's, or a rule or a
            condition cannot be read.
    """
    _check(spec, market, instruments)
    series = {bot.symbol: _cut(spec, market[bot.symbol]) for bot in spec.bots}
    searches = {
        symbol: (extras.searches.get(symbol) if one is market[symbol] else None) or make_search(one)
        for symbol, one in series.items()
    }
    world = _World(spec, series, instruments, replace(extras, searches=searches))
    gate, result = None, None
    if _may_be_quick(spec, extras):
        gate = world.make_gate(spec)
        result = _quick(spec, world, gate)
    if result is None:
        # What was asked on the quick way did not come about.
        gate = world.make_gate(spec)
        result = _run(spec, world, gate, is_careful=False)
    if gate is not None and gate.losses.matters(result.equity.at_ms, result.equity.values, _asked(result)):
        return _run(spec, world, world.make_gate(spec), is_careful=True)
    return result


def _asked(result: BacktestResult) -> Ticks:
    """Closes at which entries may have been placed: all of them, where nobody has kept account of it."""
    return placed_at(result.fills) if isinstance(result.fills, LadderFills) else np.arange(len(result.equity))


class _World(msgspec.Struct, frozen=True):
    """What every attempt at a run looks at: candles of its time only, with their searches among the extras."""

    spec: BacktestSpec
    series: Mapping[str, CandleSeries]
    instruments: Mapping[str, Instrument]
    extras: Extras
    schedules: dict[str, Schedule] = {}

    def schedule(self, bot: BotSpec) -> Schedule:
        """What a bot is told, the same in every attempt."""
        known = self.schedules.get(bot.name)
        if known is None:
            known = self.schedules[bot.name] = _schedule(self.spec, bot, self.series[bot.symbol], self.extras)
        return known

    def make_gate(self, spec: BacktestSpec) -> RiskGate | None:
        """A gate that has seen no order yet; None where no risk profile is named."""
        if not spec.risk_profile or self.extras.gate is not None:
            return None
        begin_ms = min(one.begin_ms for one in self.series.values())
        return make_gate(spec, self.instruments, begin_ms=begin_ms, profiles=self.extras.profiles)


def _quick(spec: BacktestSpec, world: _World, gate: RiskGate | None) -> BacktestResult | None:
    bot = spec.bots[0]
    instrument = world.instruments[bot.symbol]
    if not takes_targets(spec, instrument):
        return quick_backtest(spec, world.series, world.instruments, world.extras.searches, gate)
    series, find_rule = world.series[bot.symbol], world.extras.find_rule
    run = quick_targets(spec, series, instrument, world.schedule(bot), find_rule, gate)
    return None if run is None else _result(spec, [run], run.account)


def _run(spec: BacktestSpec, world: _World, risk_gate: RiskGate | None, *, is_careful: bool) -> BacktestResult:
    series, instruments, extras = world.series, world.instruments, world.extras
    account = ReplayAccount(spec.cash, spec.terms, keep_orders=extras.keep_orders)
    bots: list[BotReplay] = []
    gate = extras.gate
    if risk_gate is not None:
        gate = AccountGate(risk_gate, account, is_careful=is_careful)
    for number, bot in enumerate(spec.bots):
        rule = extras.rules.get(bot.name) or make_rule(
            bot.settings, instruments[bot.symbol], spec.terms.fees, extras.find_rule
        )
        placing = Placing(
            number=number,
            instrument=instruments[bot.symbol],
            series=series[bot.symbol],
            leverage=leverage_of(bot.settings.leverage, instruments[bot.symbol]),
            margin_mode=bot.settings.margin_mode or MarginMode.CROSS,
            funding=extras.funding.get(bot.symbol) if spec.terms.funding else None,
            gate=gate,
        )
        stage = Stage(rule, extras.searches[bot.symbol], world.schedule(bot), placing, extras.begins.get(bot.name))
        bots.append(BotReplay(stage, account))
    _play(bots)
    return _result(spec, bots, account)


def _may_be_quick(spec: BacktestSpec, extras: Extras) -> bool:
    """Whether nothing is asked for that only the replay of the rule itself has."""
    has_own = extras.rules or extras.signals or extras.begins or extras.keep_orders or extras.gate is not None
    return len(spec.bots) == 1 and not has_own


def _check(spec: BacktestSpec, market: Mapping[str, CandleSeries], instruments: Mapping[str, Instrument]) -> None:
    if not 0 < len(spec.bots) <= BOTS_MAX:
        raise ValueError(f"a backtest has 1 to {BOTS_MAX} bots, not {len(spec.bots)}")
    if len({bot.name for bot in spec.bots}) != len(spec.bots):
        raise ValueError("two bots of a backtest have the same name")
    if bool(spec.fill_timeframe) is not (spec.terms.intra_bar is IntraBar.DRILL):
        raise ValueError(f"intra_bar is {spec.terms.intra_bar.value}, fill_timeframe {spec.fill_timeframe!r}: not both")
    for bot in spec.bots:
        if bot.symbol not in market:
            raise ValueError(f"bot {bot.name}: there are no candles of {bot.symbol}")
        if spec.fill_timeframe and market[bot.symbol].timeframe != spec.fill_timeframe:
            timeframe = market[bot.symbol].timeframe
            raise ValueError(f"candles of {bot.symbol} are of {timeframe}: orders fill on {spec.fill_timeframe}")
        instrument = instruments.get(bot.symbol)
        if instrument is None:
            raise ValueError(f"bot {bot.name}: there is no instrument {bot.symbol}")
        if instrument.settle_currency != spec.currency:
            raise ValueError(
                f"bot {bot.name}: {bot.symbol} settles in {instrument.settle_currency}, the account has {spec.currency}"
            )


def _cut(spec: BacktestSpec, series: CandleSeries) -> CandleSeries:
    begin_ms, end_ms = max(spec.begin_ms, series.begin_ms), min(spec.end_ms or series.end_ms, series.end_ms)
    if (begin_ms, end_ms) == (series.begin_ms, series.end_ms):
        return series
    return series.between(begin_ms, end_ms)


def _schedule(spec: BacktestSpec, bot: BotSpec, series: CandleSeries, extras: Extras) -> Schedule:
    given = extras.signals.get(bot.name)
    if given is None:
        return schedule_of(bot.settings, series, extras.find_rule, spec.default_timeframe, warm_up=spec.warm_up)
    closes_ms = series.closed_ms
    candles = np.searchsorted(closes_ms, [at_ms for at_ms, _ in given])
    seen = int(np.searchsorted(candles, len(series)))
    return Schedule(candles=candles[:seen].tolist(), told=[text for _, text in given[:seen]])


def _play(bots: Sequence[BotReplay]) -> None:
    if len(bots) == 1:
        bot = bots[0]
        last = len(bot.series)
        while (candle := bot.next_candle()) < last:
            bot.advance(candle)
    else:
        _play_together(bots)
    for bot in bots:
        bot.finish()


def _play_together(bots: Sequence[BotReplay]) -> None:
    waiting = [(at_ms, number) for number, bot in enumerate(bots) if (at_ms := _next_ms(bot)) is not None]
    heapq.heapify(waiting)
    while waiting:
        _, number = waiting[0]
        bot = bots[number]
        bot.advance(bot.next_candle())
        at_ms = _next_ms(bot)
        if at_ms is None:
            heapq.heappop(waiting)
        else:
            heapq.heapreplace(waiting, (at_ms, number))


def _next_ms(bot: BotReplay) -> int | None:
    candle = bot.next_candle()
    return int(bot.series.opened_ms[candle]) if candle < len(bot.series) else None


def _result(spec: BacktestSpec, bots: Sequence[BotReplay | TargetRun], account: ReplayAccount) -> BacktestResult:
    at_ms = _timeline([bot.series for bot in bots])
    both = np.zeros((0, len(at_ms)))
    for number, bot in enumerate(bots):
        in_coin = bot.instrument.is_spot and spec.terms.fee_currency is FeeCurrency.RECEIVED
        fills = account.fills if len(bots) == 1 else [fill for fill in account.fills if fill.bot == number]
        curves = curves_of(Traded(bot.series, bot.instrument, fills, in_coin, bot.funding))
        if bot.series.closed_ms is not at_ms:
            curves = np.array([align(at_ms, bot.series.closed_ms, curve) for curve in curves])
        both = both + curves if len(both) else curves
    equity, held = both
    equity += float(spec.cash)
    first = {bot.series.symbol: bot.series for bot in bots}
    return BacktestResult(
        spec=spec,
        candles=sum(len(one) for one in first.values()),
        begin_ms=min(one.begin_ms for one in first.values()),
        end_ms=max(one.end_ms for one in first.values()),
        missing=sum(one.missing for one in first.values()),
        fills=account.fills,
        deals=[row for bot in bots for row in bot.log.rows],
        equity=Curve(at_ms, equity),
        held_value=held,
        make_hold=partial(hold_curve, float(spec.cash), list(first.values()), at_ms),
        cash_end=account.cash,
        equity_end=account.equity,
        funding=account.funding,
        denials=account.denials,
        orders=account.orders,
        decisions=account.decisions,
        is_liquidated=account.is_liquidated,
    )


def _timeline(series: Sequence[CandleSeries]) -> Ticks:
    closes = [one.closed_ms for one in series]
    first = closes[0]
    if all(
        one is series[0] or (len(other) == len(first) and bool((other == first).all()))
        for one, other in zip(series, closes, strict=True)
    ):
        return first
    return np.unique(np.concatenate(closes))
