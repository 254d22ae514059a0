"""What a run comes to in a sentence, what to mind about it, and what was assumed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

import msgspec

from fairlead.backtest.measures.deal_statistics import COUNT_MIN
from fairlead.backtest.measures.statistics import CAGR_DAYS_MIN, Statistics
from fairlead.backtest.report.figures import Figure, day, money, percent
from fairlead.backtest.result import BacktestResult
from fairlead.backtest.spec import BacktestSpec, FeeCurrency, IntraBar
from fairlead.backtest.sweeps.heat_map import HeatMap
from fairlead.core.model.bots.bot import Settings
from fairlead.core.model.bots.user_rule import RuleSettings
from fairlead.core.model.money import HUNDRED, ZERO, format_amount

LUCK_MAX: Final = 0.95
"""A deflated Sharpe ratio below this may well be luck."""
_CHECKS_NAMED: Final = 3

_INTRA_BAR: Final = {
    IntraBar.PESSIMISTIC: "pessimistic: entries and stops fill, a take-profit waits for the next candle",
    IntraBar.EXIT_FIRST: "exit first: what closes fills before what opens",
    IntraBar.PATH: "path: open, low, high, close in a candle that rises; open, high, low, close in one that falls",
    IntraBar.DRILL: "drill: orders fill on finer candles; in one of those entries and stops fill before a take-profit",
}
_WARM_UP: Final = {
    True: "also look back at what is kept from before the first candle",
    False: "begin with the first candle, and are unknown until they have seen enough",
}
_FEE_CURRENCY: Final = {
    FeeCurrency.RECEIVED: "in what is received",
    FeeCurrency.QUOTE: "in the quote currency",
}


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """What is known around a run.

    ``tried`` counts the combinations of the sweep that it is the best of, ``deflated_sharpe`` is the probability that
    it is better than luck among so many. ``notes`` are warnings of whoever made it; ``exchange`` is whose candles they
    are.
    """

    run_id: str = ""
    exchange: str = ""
    tried: int = 0
    deflated_sharpe: float | None = None
    heat_map: HeatMap | None = None
    notes: tuple[str, ...] = ()


def title_of(spec: BacktestSpec) -> str:
    """The bots of a run and what they trade."""
    return ", ".join(f"{bot.name} on {bot.symbol}" for bot in spec.bots)


def period_of(result: BacktestResult) -> str:
    """From when to when, of how many candles."""
    candles = f"{result.candles:,} candles of {result.spec.replayed_timeframe}"
    decided = f" for decisions on {result.spec.timeframe}" if result.spec.fill_timeframe else ""
    return f"{day(result.begin_ms)} to {day(result.end_ms)}, {candles}{decided}"


def verdict_of(result: BacktestResult, statistics: Statistics) -> str:
    """What it comes to, in a sentence or two."""
    returns, currency = statistics.returns, result.spec.currency
    held = percent(statistics.hold.total, is_signed=True)
    if result.is_liquidated:
        return f"It lost everything: the account of {money(result.spec.cash, currency)} was liquidated."
    if not statistics.fills:
        return f"It traded nothing in {returns.days:,.0f} days; holding would have made {held}."
    did = "gained" if statistics.profit >= ZERO else "lost"
    amount = money(abs(statistics.profit), currency)
    fell = f"was {percent(statistics.fall.share)} below its top at worst"
    return (
        f"It {did} {amount} ({percent(returns.total, is_signed=True)}) in {returns.days:,.0f} days and {fell}; "
        f"holding made {held} and fell by {percent(statistics.hold.max_drawdown)}."
    )


def warnings_of(result: BacktestResult, statistics: Statistics, around: Surroundings) -> list[str]:
    """Everything that speaks against taking the numbers as they are."""
    return [*around.notes, *_of_sweep(around), *_of_candles(result, statistics), *_of_account(result)]


def assumptions_of(result: BacktestResult, around: Surroundings) -> list[Figure]:
    """Everything that was assumed, by name."""
    spec, terms = result.spec, result.spec.terms
    fees = terms.fees
    spot = f"spot {_share(fees.spot_maker)} maker, {_share(fees.spot_taker)} taker"
    perpetual = f"perpetual {_share(fees.perpetual_maker)} maker, {_share(fees.perpetual_taker)} taker"
    funding = f"{money(result.funding, spec.currency, is_signed=True)} in all" if terms.funding else "not charged"
    where = f" of {around.exchange}" if around.exchange else ""
    return [
        Figure("Candles", period_of(result) + where, "decided at a close; an order can fill from the next candle on"),
        Figure("Cash", money(spec.cash, spec.currency), "shared by all bots of the run"),
        Figure("Fees", f"{spot}; {perpetual}", f"spot buys pay {_FEE_CURRENCY[terms.fee_currency]}"),
        Figure("Slippage", _share(terms.slippage), "what a market order loses; a limit order fills at its price"),
        Figure("Latency", f"{terms.latency_ms} ms", "between a decision and the first candle that can fill it"),
        Figure("Within a candle", _INTRA_BAR[terms.intra_bar], "nobody knows what a candle touched first"),
        Figure(
            "Conditions", _WARM_UP[spec.warm_up], "of bars that are closed; nothing is traded before the first candle"
        ),
        Figure("Funding", funding, "at the rates that are known of the time"),
        Figure("Risk checks", spec.risk_profile or "off", "the limits that every order was checked against"),
        Figure("Size of the market", "unlimited", "an order that is touched is filled whole, however large"),
    ]


def settings_rows(spec: BacktestSpec) -> list[tuple[str, list[tuple[str, str]]]]:
    """The settings of each bot by their names, those at their defaults left out."""
    rows = []
    for bot in spec.bots:
        values = msgspec.to_builtins(bot.settings)
        rows.append((f"{bot.name} on {bot.symbol}", [(name, setting_text(value)) for name, value in flatten(values)]))
    return rows


def flatten(values: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Every value with its dotted name, as ``--set`` takes it."""
    for name, value in values.items():
        full = f"{above}.{name}" if above else name
        if isinstance(value, dict) and set(value) != {"amount", "unit"}:
            yield from flatten(value, full)
        else:
            yield full, value


def setting_text(value: object) -> str:
    """A setting as ``--set`` takes it."""
    if isinstance(value, dict):
        return f"{value['amount']} {value['unit']}"
    if isinstance(value, list):
        return ", ".join(setting_text(one) for one in value)
    return "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _of_sweep(around: Surroundings) -> Iterator[str]:
    if around.tried <= 1:
        return
    sentence = f"It is the best of {around.tried:,} combinations that were tried: its numbers are luck in part"
    if around.deflated_sharpe is None:
        yield f"{sentence}."
    else:
        sure = percent(around.deflated_sharpe)
        yield (
            f"{sentence}. With so many tries the probability that there is more to it than luck is {sure}"
            f"{'.' if around.deflated_sharpe >= LUCK_MAX else ', which is not enough.'}"
        )


def _of_candles(result: BacktestResult, statistics: Statistics) -> Iterator[str]:
    if result.missing:
        share = percent(result.missing / (result.missing + result.candles))
        candles = _times(result.missing, "candle is", "candles are")
        yield f"{candles} missing ({share}): what happened in them is not known."
    spec = result.spec
    if spec.default_timeframe and any(_looks_at_bars(bot.settings) for bot in spec.bots):
        here = f"Conditions and rules that name no timeframe looked at bars of {spec.default_timeframe}"
        yield f"{here}, live they look at bars of 1m: name it in them, so that a live bot does the same."
    if statistics.returns.days < CAGR_DAYS_MIN:
        yield f"{statistics.returns.days:,.0f} days are too few to say much: a year has more weathers than that."
    if 0 < statistics.deals.closed < COUNT_MIN:
        yield f"{_times(statistics.deals.closed, 'closed deal is', 'closed deals are')} too few for ratios."


def _looks_at_bars(settings: Settings) -> bool:
    return isinstance(settings, RuleSettings) or bool(getattr(settings, "conditions", {}))


def _of_account(result: BacktestResult) -> Iterator[str]:
    spec = result.spec
    if result.is_liquidated:
        yield "The account was liquidated; nothing after that counts."
    if result.denials:
        yield f"{_times(len(result.denials), 'order was', 'orders were')} refused by risk checks: {_refusals(result)}."
    if not spec.risk_profile:
        yield "Risk checks were off: a live account may refuse some of these orders."
    still_open = [deal for deal in result.deals if deal.is_open]
    if still_open:
        profit = sum((deal.profit for deal in still_open), ZERO)
        deals = _times(len(still_open), "deal was", "deals were")
        worth = money(profit, spec.currency, is_signed=True)
        yield f"{deals} still open at the end, at {worth}, which the profit includes."
    fees = spec.terms.fees
    if not (fees.spot_taker or fees.spot_maker or fees.perpetual_maker or fees.perpetual_taker):
        yield "Fees are zero: no exchange is that kind."


def _refusals(result: BacktestResult) -> str:
    """The checks that refused most, each with the words of its first time; the code of a check is its first word."""
    first: dict[str, str] = {}
    counts: Counter[str] = Counter()
    for denial in result.denials:
        code = denial.why.partition(" ")[0]
        first.setdefault(code, denial.why)
        counts[code] += 1
    told = (f"{first[code]} ({count:,} times)" for code, count in counts.most_common(_CHECKS_NAMED))
    return "; ".join(told)


def _times(count: int, one: str, many: str) -> str:
    return f"1 {one}" if count == 1 else f"{count:,} {many}"


def _share(value: Decimal) -> str:
    return f"{format_amount(value * HUNDRED)} %"
