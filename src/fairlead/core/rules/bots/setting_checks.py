"""Ranges of every parameter of a bot: each finding names the field, the value and the rule."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise
from typing import Final, assert_never

from fairlead.core.model.account import MarginMode
from fairlead.core.model.bots.bot import Settings
from fairlead.core.model.bots.grid import LINES_MAX, GridSettings
from fairlead.core.model.bots.martingale import (
    CLOSE_TIMEOUT_S_MIN,
    CONDITIONS_MAX,
    COOLDOWN_S_MAX,
    SAFETY_ORDERS_MAX,
    TAKE_PROFIT_STEPS_MAX,
    MartingaleSettings,
    StartAtPrice,
    StartOnSignal,
    StopLoss,
)
from fairlead.core.model.bots.preview import Finding
from fairlead.core.model.bots.user_rule import RuleSettings
from fairlead.core.model.money import HUNDRED, ZERO, format_amount
from fairlead.core.model.request import Size, SizeUnit
from fairlead.core.rules.conditions.reading import read_condition

SCALE_MIN: Final = Decimal("0.1")
SCALE_MAX: Final = Decimal(10)
STOP_TIMEOUT_S_MAX: Final = 86_400

_Findings = Iterator[Finding | None]


def check_settings(settings: Settings) -> tuple[Finding, ...]:
    """Everything that is out of its range, whatever the instrument."""
    match settings:
        case MartingaleSettings():
            checks = _martingale(settings)
        case GridSettings():
            checks = _grid(settings)
        case RuleSettings():
            checks = iter((_positive("leverage", settings.leverage),))
        case other:
            assert_never(other)
    return (*(one for one in checks if one is not None), *_margin(settings))


def _margin(settings: Settings) -> tuple[Finding, ...]:
    if settings.margin_mode is MarginMode.CASH:
        return (Finding("margin_mode", settings.margin_mode.value, "must be cross or isolated"),)
    return ()


def _martingale(settings: MartingaleSettings) -> _Findings:
    yield from _sizes(settings)
    yield from _ladder(settings)
    yield from _profits(settings)
    if settings.stop_loss is not None:
        yield from _stop(settings.stop_loss, len(settings.take_profit))
    if isinstance(settings.start, StartAtPrice):
        yield _positive("start.price", settings.start.price)
    if isinstance(settings.start, StartOnSignal) and not settings.start.signal:
        yield Finding("start.signal", "", "must name a signal")
    yield _between("start_delay_s", settings.start_delay_s, 0, COOLDOWN_S_MAX)
    yield from _conditions(settings)
    yield _between("cooldown_s", settings.cooldown_s, 0, COOLDOWN_S_MAX)
    yield _between("guard_s", settings.guard_s, 1 if settings.guard_signal else 0, COOLDOWN_S_MAX)
    if settings.close_timeout_s:
        yield _least("close_timeout_s", settings.close_timeout_s, CLOSE_TIMEOUT_S_MIN, "or 0 for none")
    yield _least("max_cycles", settings.max_cycles, 0)
    yield _between("reinvest", settings.reinvest, 0, 100)
    yield _between("risk_reduction", settings.risk_reduction, 0, 100)
    yield _positive("leverage", settings.leverage)


def _conditions(settings: MartingaleSettings) -> _Findings:
    yield _between("conditions", len(settings.conditions), 0, CONDITIONS_MAX)
    for name, text in settings.conditions.items():
        try:
            read_condition(text)
        except ValueError as error:
            yield Finding(f"conditions.{name}", text, f"must be a condition: {error}")


def _sizes(settings: MartingaleSettings) -> _Findings:
    yield _size("base_order", settings.base_order)
    if settings.levels and not settings.custom_ladder:
        yield _size("safety_order", settings.safety_order)
    for number, step in enumerate(settings.custom_ladder, 1):
        yield _positive(f"custom_ladder[{number}].size", step.size)
    yield _positive("total_max", settings.total_max)
    if settings.total_max is not None and SizeUnit.PERCENT in {settings.base_order.unit, settings.safety_order.unit}:
        rule = "bounds what is known beforehand: name sizes in another unit than percent"
        yield Finding("total_max", format_amount(settings.total_max), rule)
    yield _positive("base_price", settings.base_price)
    yield _least("base_price_tolerance", settings.base_price_tolerance, 0)


def _size(field: str, size: Size) -> Finding | None:
    if size.unit is SizeUnit.PERCENT:
        return _between(f"{field}.amount", size.amount, 0, 100) or _positive(f"{field}.amount", size.amount)
    return _positive(f"{field}.amount", size.amount)


def _ladder(settings: MartingaleSettings) -> _Findings:
    yield _between("max_safety_orders", settings.max_safety_orders, 0, SAFETY_ORDERS_MAX)
    if settings.levels:
        yield _between("active_safety_orders", settings.active_safety_orders, 1, SAFETY_ORDERS_MAX)
    yield _least("levels_per_wake_max", settings.levels_per_wake_max, 1)
    if settings.custom_ladder:
        yield _between("custom_ladder", len(settings.custom_ladder), 1, SAFETY_ORDERS_MAX)
        deviations = [ZERO, *(step.deviation for step in settings.custom_ladder)]
        for number, (before, after) in enumerate(pairwise(deviations), 1):
            if after <= before:
                rule = f"must be more than {format_amount(before)}: each level is further away than the one before"
                yield Finding(f"custom_ladder[{number}].deviation", format_amount(after), rule)
        return
    yield _positive("step", settings.step)
    yield _below("step", settings.step, HUNDRED)
    yield _between("step_scale", settings.step_scale, SCALE_MIN, SCALE_MAX)
    yield _between("volume_scale", settings.volume_scale, SCALE_MIN, SCALE_MAX)


def _profits(settings: MartingaleSettings) -> _Findings:
    steps = settings.take_profit
    yield _between("take_profit", len(steps), 1, TAKE_PROFIT_STEPS_MAX)
    for number, step in enumerate(steps, 1):
        yield _positive(f"take_profit[{number}].percent", step.percent)
        yield _positive(f"take_profit[{number}].share", step.share)
    for number, (before, after) in enumerate(pairwise(steps), 2):
        if after.percent <= before.percent:
            rule = f"must be more than {format_amount(before.percent)}, which the step before takes"
            yield Finding(f"take_profit[{number}].percent", format_amount(after.percent), rule)
    shares = sum((step.share for step in steps), ZERO)
    if steps and shares != HUNDRED:
        yield Finding("take_profit", f"shares of {format_amount(shares)} %", "must add up to 100 %")
    yield _positive("trailing", settings.trailing)
    yield _below("trailing", settings.trailing, HUNDRED)
    if settings.trailing is not None and len(steps) > 1:
        yield Finding("trailing", format_amount(settings.trailing), "trails the whole exit: take_profit has one step")
    yield _between("trailing_after_level", settings.trailing_after_level, 0, settings.levels)
    if settings.minimum_profit is not None and not settings.close_signal:
        rule = "is the floor of a close by signal: name a close_signal"
        yield Finding("minimum_profit", format_amount(settings.minimum_profit), rule, refuses=False)


def _stop(stop: StopLoss, steps: int) -> _Findings:
    yield _positive("stop_loss.percent", stop.percent)
    yield _below("stop_loss.percent", stop.percent, HUNDRED)
    yield _between("stop_loss.timeout_s", stop.timeout_s, 0, STOP_TIMEOUT_S_MAX)
    if stop.break_even_after:
        # After the last step nothing is left to protect.
        yield _between("stop_loss.break_even_after", stop.break_even_after, 0, steps - 1)


def _grid(settings: GridSettings) -> _Findings:
    yield _positive("lower", settings.lower)
    if settings.upper <= settings.lower:
        rule = f"must be above lower, which is {format_amount(settings.lower)}"
        yield Finding("upper", format_amount(settings.upper), rule)
    yield _between("lines", settings.lines, 1, LINES_MAX)
    yield _size("per_line", settings.per_line)
    yield _least("active_lines", settings.active_lines, 0)
    for field in ("expand_up", "expand_down"):
        yield _between(field, getattr(settings, field), 0, LINES_MAX)
    for field in ("start_price", "stop_below", "stop_above", "take_profit", "stop_loss", "leverage"):
        yield _positive(field, getattr(settings, field))
    if settings.stop_below is not None and settings.stop_below >= settings.lower:
        rule = f"must be below lower, which is {format_amount(settings.lower)}: lines beyond it could never fill"
        yield Finding("stop_below", format_amount(settings.stop_below), rule)
    if settings.stop_above is not None and settings.stop_above <= settings.upper:
        rule = f"must be above upper, which is {format_amount(settings.upper)}: lines beyond it could never fill"
        yield Finding("stop_above", format_amount(settings.stop_above), rule)


def _positive(field: str, value: Decimal | None) -> Finding | None:
    if value is None or value > ZERO:
        return None
    return Finding(field, format_amount(value), "must be above 0")


def _below(field: str, value: Decimal | None, most: Decimal) -> Finding | None:
    if value is None or value < most:
        return None
    return Finding(field, format_amount(value), f"must be below {format_amount(most)}")


def _least(field: str, value: Decimal | int, least: int, note: str = "") -> Finding | None:
    if value >= least:
        return None
    return Finding(field, format_amount(Decimal(value)), f"must be at least {least}{' ' if note else ''}{note}")


def _between(field: str, value: Decimal | int, least: Decimal | int, most: Decimal | int) -> Finding | None:
    if least <= value <= most:
        return None
    rule = f"must be {format_amount(Decimal(least))} to {format_amount(Decimal(most))}"
    return Finding(field, format_amount(Decimal(value)), rule)
