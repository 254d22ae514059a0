"""What a replay takes: a bot that is stored or might be, candles, and what is assumed of the market and the account."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from fairlead.cli.backtest.portfolio import read_bots
from fairlead.cli.bots.settings_input import SettingsOptions, preset_values, read_file, read_positive, read_price
from fairlead.cli.candles.options import candles_folder
from fairlead.cli.config import load_settings
from fairlead.cli.extras import backtest_extra
from fairlead.cli.moments import read_moment
from fairlead.cli.output import EXIT_USAGE, StopError, tell
from fairlead.cli.tenants import ask_tenant

if TYPE_CHECKING:
    from fairlead.accounts.registry import Refused
    from fairlead.backtest.following import Followed
    from fairlead.backtest.signal_list import Signal
    from fairlead.backtest.spec import BacktestSpec, BotSpec, ReplayTerms
    from fairlead.cli.records import Registry
    from fairlead.core.model.account import FeeRates
    from fairlead.core.model.instrument import Instrument
    from fairlead.market.candles.series import CandleSeries
    from fairlead.wiring.backtesting import Replay, Stretch

UNNAMED: Final = "bot"
HOOK: Final = "hook:"
PAPER_PROFILE: Final = "paper"
NO_PROFILE: Final = "none"


class Touched(StrEnum):
    """What is believed of a candle that touches orders on both sides."""

    PESSIMISTIC = "pessimistic"
    EXIT_FIRST = "exit_first"
    PATH = "path"
    DRILL = "drill"


@dataclass(frozen=True, kw_only=True)
class ReplayOptions(SettingsOptions):
    """A bot, candles, and assumptions."""

    signals: Annotated[
        str,
        typer.Option(metavar="FILE.csv|hook:NAME", help="Follow these signals instead: a list, or a hook's alerts."),
    ] = ""
    size: Annotated[
        str, typer.Option(metavar="SIZE", help="How much each signal opens, such as '10 percent' or '50 quote'.")
    ] = ""
    bot: Annotated[str, typer.Option(metavar="NAME", help="Begin with the settings of this bot.")] = ""
    account: Annotated[str, typer.Option(metavar="ACCOUNT", help="Instruments and fees as this account has them.")] = ""
    symbol: Annotated[str, typer.Option(help="Instrument, such as BTC-USDT; by default that of the bot.")] = ""
    bots: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Several bots that share the cash: a TOML file of [[bots]]."),
    ] = None
    exchange: Annotated[
        str, typer.Option(metavar="NAME", help="Whose candles; needed only where several are kept.")
    ] = ""
    timeframe: Annotated[str, typer.Option(metavar="1m|5m|1h|...", help="Length of the candles.")] = "1m"
    begin: Annotated[str, typer.Option("--from", metavar="TIME", help="First moment: 2025-01-31 or 90d (ago).")] = ""
    end: Annotated[str, typer.Option("--to", metavar="TIME", help="Where it ends; by default with the candles.")] = ""
    cash: Annotated[str, typer.Option(metavar="AMOUNT", help="What the account begins with.")] = "10000"
    fee: Annotated[
        str, typer.Option(metavar="PERCENT", help="Fee of every fill, such as 0.1; by default those of the account.")
    ] = ""
    slippage: Annotated[str, typer.Option(metavar="PERCENT", help="What a market order loses of its price.")] = "0"
    latency_ms: Annotated[
        int, typer.Option("--latency", metavar="MS", min=0, help="Decisions take effect so much later.")
    ] = 0
    intra_bar: Annotated[
        Touched,
        typer.Option(help="What comes first in a candle that touches orders on both sides; drill: ask finer candles."),
    ] = Touched.PESSIMISTIC
    warm_up: Annotated[
        bool, typer.Option(help="Conditions look back at candles before --from, where some are kept.")
    ] = True
    funding: Annotated[bool, typer.Option(help="Charge the funding rates that are kept (perpetuals).")] = True
    risk_profile: Annotated[
        str,
        typer.Option(
            metavar="NAME|none",
            help="Check every order against these limits; by default those of the account, or of a paper one.",
        ),
    ] = ""
    seed: Annotated[int, typer.Option(min=0, help="The same seed draws the same lots.")] = 0


@dataclass(frozen=True, kw_only=True)
class Known:
    """What is known of the bot and the account that were named.

    Settings that are typed go over ``values``, which are stored, and ``over``, which a file lists, goes over those.
    """

    values: Mapping[str, Any]
    symbol: str
    instruments: Mapping[str, Instrument]
    fees: FeeRates
    risk_profile: str = PAPER_PROFILE
    over: Mapping[str, Any] = field(default_factory=dict)


def open_replay(options: ReplayOptions) -> Replay:
    """Everything that a replay needs, by what was typed.

    Raises:
        StopError: something is not there or cannot be read; the message says what to do.
    """
    with backtest_extra():
        from fairlead.market.candles.archive import NoCandlesError
        from fairlead.wiring.backtesting import open_history, set_replay

        known = _look_up(options)
        settings = load_settings(options)
        try:
            listed = [(typed, before, _instrument(typed, before)) for typed, before in _one_by_one(options, known)]
            symbols = list(dict.fromkeys(instrument.symbol for *_, instrument in listed))
            stretch = _stretch(options, symbols)
            histories = {symbol: open_history(stretch, symbol) for symbol in symbols}
            bots: list[BotSpec] = []
            followed: Followed | None = None
            for typed, before, instrument in listed:
                series = histories[instrument.symbol].series
                if options.signals:
                    followed = follow_signals(options, series, instrument)
                bots.append(make_bot(typed, before, instrument, series) if followed is None else followed.bot)
            spec = _write_spec(options, known, bots, stretch)
            found = list(histories.values())
            rules_dir = settings.rules_dir
            return set_replay(spec, stretch, found, known.instruments, rules_dir=rules_dir, followed=followed)
        except (NoCandlesError, ValueError) as error:
            raise StopError(str(error)) from error


def _one_by_one(options: ReplayOptions, known: Known) -> list[tuple[ReplayOptions, Known]]:
    """What was typed, and what is stored; of each bot that a file lists, as if it had been typed alone."""
    if options.bots is None:
        return [(options, known)]
    if options.signals or options.preset or options.file is not None or options.bot or options.symbol:
        raise StopError("--bots lists all that is replayed: leave the options of a single bot away", EXIT_USAGE)
    return [
        (
            replace(options, bot=one.name, symbol=one.symbol, preset=one.preset, budget=one.budget),
            replace(known, over=one.settings),
        )
        for one in read_bots(options.bots)
    ]


def _instrument(options: ReplayOptions, known: Known) -> Instrument:
    symbol = options.symbol or known.symbol
    if not symbol:
        raise StopError("name an instrument with --symbol, a bot with --bot, or a file with --bots", EXIT_USAGE)
    instrument = known.instruments.get(symbol)
    if instrument is None:
        raise StopError(f"no instrument {symbol}; there are {', '.join(sorted(known.instruments))}")
    return instrument


def _stretch(options: ReplayOptions, symbols: Sequence[str]) -> Stretch:
    """The candles that were asked for, and those that orders are filled on."""
    from fairlead.wiring.backtesting import Stretch

    begin_ms, end_ms = _bounds(options)
    asked = Stretch(
        root=candles_folder(options),
        exchange=options.exchange,
        timeframe=_timeframe(options),
        begin_ms=begin_ms,
        end_ms=end_ms,
    )
    return asked.drilled(symbols) if options.intra_bar is Touched.DRILL else asked


def make_bot(options: ReplayOptions, known: Known, instrument: Instrument, series: CandleSeries) -> BotSpec:
    """The bot as typed, on top of what is stored.

    Raises:
        StopError: nothing was typed, or it makes no settings.
        ValueError: there is no rule for them.
    """
    from fairlead.accounts.bot_presets import SettingsError, assign, to_settings
    from fairlead.backtest.spec import BotSpec
    from fairlead.core.rules.bots.imagined_market import Terms
    from fairlead.core.rules.margin import leverage_of
    from fairlead.wiring.backtesting import scale_to_budget

    price = read_price(options.price) or series.price(int(series.close[0]))
    typed = {**preset_values(options.preset, price, instrument), **read_file(options)}
    values = {**known.values, **typed, **known.over}
    if not values and not options.changes:
        what = "--preset NAME, --file FILE, --set FIELD=VALUE, --bot NAME or --signals FILE"
        raise StopError(f"say what the bot shall do: {what}", EXIT_USAGE)
    try:
        for change in options.changes or ():
            values = assign(values, change)
        settings = to_settings(values)
    except SettingsError as error:
        raise StopError(str(error), EXIT_USAGE) from error
    bot = BotSpec(name=options.bot or UNNAMED, symbol=instrument.symbol, settings=settings)
    if not options.budget:
        return bot
    fees, cash = _terms(options, known).fees, read_positive("--cash", options.cash)
    met = Terms(fees=fees, leverage=leverage_of(settings.leverage, instrument), cash=cash)
    return scale_to_budget(bot, instrument, met, price, read_positive("--budget", options.budget))


def _write_spec(options: ReplayOptions, known: Known, bots: Sequence[BotSpec], stretch: Stretch) -> BacktestSpec:
    from fairlead.backtest.spec import BacktestSpec

    return BacktestSpec(
        bots=tuple(bots),
        cash=read_positive("--cash", options.cash),
        currency=known.instruments[bots[0].symbol].settle_currency,
        timeframe=stretch.timeframe,
        fill_timeframe=stretch.fill_timeframe,
        begin_ms=stretch.begin_ms,
        end_ms=stretch.end_ms,
        terms=_terms(options, known),
        warm_up=options.warm_up,
        risk_profile=_profile(options.risk_profile or known.risk_profile),
        seed=options.seed,
    )


def follow_signals(options: ReplayOptions, series: CandleSeries, instrument: Instrument) -> Followed:
    """A bot that follows the signals of a file or of a hook.

    Raises:
        StopError: they cannot be read.
        ValueError: none is for this instrument and time, or it is not known how much.
    """
    from fairlead.backtest.following import follow
    from fairlead.backtest.signal_list import read_signals, read_size

    size = read_size(options.size) if options.size else None
    hook = options.signals.removeprefix(HOOK)
    try:
        told = _signals_of(options, hook) if hook != options.signals else read_signals(Path(options.signals))
    except OSError as error:
        raise StopError(f"cannot read {options.signals}: {error.strerror}") from error
    found = follow(hook.rpartition("/")[2], told, series, instrument, size=size)
    if found.left_out:
        tell(f"{found.left_out} of {len(told)} signals are of other instruments or outside the candles")
    return found


def _signals_of(options: ReplayOptions, name: str) -> list[Signal]:
    from fairlead.wiring.alert_signals import signals_of_hook

    async def look(registry: Registry, tenant: str) -> tuple[str, str] | Refused:
        from fairlead.accounts.registry import Refused

        hook = await registry.hooks.find(tenant, name)
        return hook if isinstance(hook, Refused) else (tenant, hook.hook_id)

    tenant, hook_id = ask_tenant(options, look, reads=True)
    return signals_of_hook(load_settings(options).store_url, tenant, hook_id)


def _terms(options: ReplayOptions, known: Known) -> ReplayTerms:
    from fairlead.backtest.spec import IntraBar, ReplayTerms
    from fairlead.core.model.account import FeeRates

    fees = known.fees
    if options.fee:
        rate = _read_percent("--fee", options.fee)
        fees = FeeRates(spot_maker=rate, spot_taker=rate, perpetual_maker=rate, perpetual_taker=rate)
    return ReplayTerms(
        fees=fees,
        slippage=_read_percent("--slippage", options.slippage),
        latency_ms=options.latency_ms,
        intra_bar=IntraBar(options.intra_bar.value),
        funding=options.funding,
    )


def _look_up(options: ReplayOptions) -> Known:
    """The stored bot and account; without either, what the paper venue lists, and no database is needed."""
    from fairlead.core.model.account import FeeRates
    from fairlead.wiring.backtesting import listed_instruments

    if not options.bot and not options.account:
        return Known(values={}, symbol="", instruments=listed_instruments(), fees=FeeRates())

    async def look(registry: Registry, tenant: str) -> Known | Refused:
        from fairlead.accounts.bot_presets import settings_values
        from fairlead.accounts.registry import Refused
        from fairlead.accounts.registry.naming import unknown
        from fairlead.cli.bots.options import bot_registry, open_stage

        stage = await open_stage(registry, tenant, options)
        account, values, symbol = options.account, {}, ""
        if options.bot:
            found = await bot_registry(registry).find(tenant, options.bot)
            if isinstance(found, Refused):
                return found
            account, symbol = account or found.bot.account_id, found.bot.symbol
            values = settings_values(stage.settings_of(found.bot))
        accounts = stage.stage.directory.list_accounts(tenant)
        chosen = next((one for one in accounts if account in {one.label, one.account_id}), None)
        if chosen is None:
            return unknown("account", account, [one.label for one in accounts])
        instruments = stage.instruments_of(chosen.account_id)
        return Known(
            values=values,
            symbol=symbol,
            instruments=instruments,
            fees=chosen.fee_rates,
            risk_profile=chosen.risk_profile,
        )

    return ask_tenant(options, look, reads=True)


def _bounds(options: ReplayOptions) -> tuple[int, int]:
    from fairlead.clock import SystemClock

    now_ms = SystemClock().now_ms()
    begin_ms = read_moment("--from", options.begin, now_ms) if options.begin else 0
    end_ms = read_moment("--to", options.end, now_ms) if options.end else 0
    if end_ms and begin_ms >= end_ms:
        raise StopError("--from must be before --to", EXIT_USAGE)
    return begin_ms, end_ms


def _timeframe(options: ReplayOptions) -> str:
    from fairlead.core.model.conditions import TIMEFRAMES_MS

    if options.timeframe not in TIMEFRAMES_MS:
        known = ", ".join(TIMEFRAMES_MS)
        raise StopError(f"--timeframe {options.timeframe}: there are {known}", EXIT_USAGE)
    return options.timeframe


def _profile(name: str) -> str:
    from fairlead.accounts.profiles import built_in_profiles

    known = built_in_profiles()
    if name == NO_PROFILE:
        return ""
    if name not in known:
        raise StopError(f"--risk-profile {name}: there are {', '.join(sorted(known))}, and none", EXIT_USAGE)
    return name


def _read_percent(option: str, text: str) -> Decimal:
    from fairlead.core.model.money import HUNDRED, ZERO, AmountError, parse_amount

    try:
        value = parse_amount(text.removesuffix("%").strip())
    except AmountError as error:
        raise StopError(f"{option} {text}: {error}", EXIT_USAGE) from error
    if not ZERO <= value < HUNDRED:
        raise StopError(f"{option} {text}: from 0 to below 100 percent", EXIT_USAGE)
    return value / HUNDRED
