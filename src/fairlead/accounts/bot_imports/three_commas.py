"""A DCA bot of 3Commas, as its API tells it (``GET /ver1/bots/{id}/show``)."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from fairlead.accounts.bot_imports.fields import Fields, Imported
from fairlead.core.model.account import MarginMode
from fairlead.core.model.bots.decision import Direction
from fairlead.core.model.bots.martingale import (
    AfterStop,
    LadderStep,
    MartingaleSettings,
    PriceRounding,
    StartCondition,
    StartNow,
    StartOnSignal,
    StopFrom,
    StopLoss,
    TakeProfitFrom,
    TakeProfitStep,
)
from fairlead.core.model.money import HUNDRED, ONE, ZERO
from fairlead.core.model.request import Size, SizeUnit

SOURCE: Final = "3commas"
START_SIGNAL: Final = "start"
CLOSE_SIGNAL: Final = "close"
SAFETY_SIGNAL: Final = "safety"
_UNITS: Final = {
    "quote_currency": SizeUnit.QUOTE,
    "base_currency": SizeUnit.BASE,
    "percent": SizeUnit.PERCENT,
}
_MARGINS: Final = {"cross": MarginMode.CROSS, "isolated": MarginMode.ISOLATED}
_STARTS_AT_ONCE: Final = frozenset({"nonstop", "asap"})
_HOW_IT_STANDS: Final = (
    *("id", "account_id", "account_name", "is_enabled", "created_at", "updated_at", "type", "active_deals"),
    *("active_deals_count", "active_deals_usd_profit", "finished_deals_count", "finished_deals_profit_usd"),
    *("deletable?", "url_secret", "easy_form_supported", "base_order_volume_usd", "bot_pairs", "base_order_average"),
)


def read_bot(fields: Fields) -> Imported:
    """Make settings of a bot.

    Raises:
        ImportFault: a field makes no bot.
    """
    assumed = ["3Commas does not say what a stop-loss is measured from: read as the price of the base order"]
    size = Size(amount=fields.positive("base_order_volume"), unit=_unit(fields, "base_order_volume_type"))
    safety = size
    levels = fields.count("max_safety_orders")
    if "safety_order_volume" in fields:
        amount = fields.positive("safety_order_volume")
        safety = Size(amount=amount, unit=_unit(fields, "safety_order_volume_type"))
    stop = _stop(fields)
    settings = MartingaleSettings(
        direction=Direction(fields.choice("strategy", ("long", "short"), "long")),
        base_order=size,
        base_as_limit=fields.choice("start_order_type", ("limit", "market"), "limit") == "limit",
        start=_start(fields),
        start_delay_s=fields.count("deal_start_delay_seconds"),
        safety_order=safety,
        max_safety_orders=levels,
        active_safety_orders=max(1, fields.count("active_safety_orders_count", levels)),
        step=fields.number("safety_order_step_percentage") or ONE,
        step_scale=fields.number("martingale_step_coefficient") or ONE,
        volume_scale=fields.number("martingale_volume_coefficient") or ONE,
        custom_ladder=_ladder(fields),
        safety_signal=_signal(fields, "safety_strategy_list", SAFETY_SIGNAL),
        take_profit=_exits(fields),
        take_profit_from=TakeProfitFrom(fields.choice("take_profit_type", ("total", "base"), "total")),
        trailing=_trailing(fields),
        close_signal=_signal(fields, "close_strategy_list", CLOSE_SIGNAL),
        minimum_profit=fields.number("min_profit_percentage") or None,
        stop_loss=stop,
        after_stop=_after_stop(fields),
        cooldown_s=fields.count("cooldown"),
        close_timeout_s=fields.count("close_deals_timeout"),
        max_cycles=fields.count("disable_after_deals_count"),
        reinvest=fields.number("reinvesting_percentage") or ZERO,
        risk_reduction=fields.number("risk_reduction_percentage") or ZERO,
        leverage=fields.number("leverage_custom_value") or None,
        margin_mode=_MARGINS.get(fields.text("leverage_type")),
        price_rounding=PriceRounding.NEAREST,
    )
    symbol = _symbol(fields)
    _leave(fields)
    why = "tells where it is or how it stands, not what it does"
    return Imported(
        source=SOURCE,
        name=fields.text("name"),
        symbol=symbol,
        settings=settings,
        left_out=fields.left_out(says_nothing=_HOW_IT_STANDS, why=why),
        assumed=tuple(assumed if stop is not None else ()),
    )


def _unit(fields: Fields, name: str) -> SizeUnit:
    return _UNITS[fields.choice(name, tuple(_UNITS), "quote_currency")]


def _symbol(fields: Fields) -> str:
    pairs = fields.plain("pairs")
    if not isinstance(pairs, list) or not all(isinstance(pair, str) and "_" in pair for pair in pairs) or not pairs:
        raise fields.fault("pairs", "must be a list of pairs such as USDT_BTC")
    if len(pairs) > 1:
        fields.leave("pairs", "a bot trades one instrument: import it once for each, with --symbol")
        return ""
    quote, _, base = str(pairs[0]).partition("_")
    # Contracts are named as their exchange does.
    return base if "-" in base else f"{base}-{quote}"


def _start(fields: Fields) -> StartCondition:
    names = {one.text("strategy") for one in fields.rows("strategy_list")}
    if names <= _STARTS_AT_ONCE:
        return StartNow()
    fields.leave("strategy_list", f"a cycle begins with the signal {START_SIGNAL!r}, never by itself: send it, or edit")
    return StartOnSignal(signal=START_SIGNAL)


def _signal(fields: Fields, name: str, signal: str) -> str:
    """The signal that stands for conditions that nobody here evaluates; empty when there are none."""
    if not fields.rows(name):
        return ""
    fields.leave(name, f"stands for the signal {signal!r} now: send it, or edit")
    return signal


def _ladder(fields: Fields) -> tuple[LadderStep, ...]:
    rows = fields.rows("custom_safety_steps")
    return tuple(LadderStep(deviation=abs(row.positive("deviation")), size=row.positive("size")) for row in rows)


def _exits(fields: Fields) -> tuple[TakeProfitStep, ...]:
    rows = fields.rows("take_profit_steps")
    if not rows:
        return (TakeProfitStep(percent=fields.positive("take_profit")),)
    fields.number("take_profit")
    steps = tuple(
        TakeProfitStep(percent=row.positive("profit_percentage"), share=row.positive("amount_percentage"))
        for row in rows
    )
    if sum((step.share for step in steps), ZERO) != HUNDRED:
        raise fields.fault("take_profit_steps", "amounts must add up to 100 %")
    return steps


def _trailing(fields: Fields) -> Decimal | None:
    deviation = fields.number("trailing_deviation")
    return deviation or None if fields.flag("trailing_enabled") else None


def _stop(fields: Fields) -> StopLoss | None:
    percent = fields.number("stop_loss_percentage") or ZERO
    timed = fields.flag("stop_loss_timeout_enabled")
    timeout_s = fields.count("stop_loss_timeout_in_seconds")
    trailing, even = fields.flag("tsl_enabled"), fields.flag("sl_to_breakeven_enabled")
    if not percent:
        return None
    return StopLoss(
        percent=percent,
        reference=StopFrom.BASE,
        timeout_s=timeout_s if timed else 0,
        trailing=trailing,
        break_even_after=1 if even else 0,
    )


def _after_stop(fields: Fields) -> AfterStop:
    kind = fields.choice("stop_loss_type", ("stop_loss", "stop_loss_and_disable_bot"), "stop_loss")
    return AfterStop.NEXT_CYCLE if kind == "stop_loss" else AfterStop.STOP


def _leave(fields: Fields) -> None:
    """Tell of what has no counterpart, where it asks for anything."""
    for name in ("max_active_deals", "allowed_deals_on_same_pair"):
        if fields.count(name, 1) > 1:
            fields.leave(name, "a bot has one deal at a time: duplicate it for more")
    if fields.choice("profit_currency", ("quote_currency", "base_currency"), "quote_currency") == "base_currency":
        fields.leave("profit_currency", "profit is taken in the quote currency")
    if fields.text("min_profit_type") == "base_order_volume":
        fields.leave("min_profit_type", "the least profit is measured on everything that was bought")
    if fields.flag("sl_to_breakeven_enabled"):
        fields.leave(
            "upper_breakeven_limit", "after one take-profit step the stop is the average, then the step before"
        )
    for name in ("min_volume_btc_24h", "min_price", "max_price", "min_price_percentage", "max_price_percentage"):
        fields.leave(name, "cycles begin whatever it is")
