"""Answers questions about bots by playing them through: the same answer for the command line and over HTTP."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, assert_never

from msgspec.structs import replace

from fairlead.accounts.bot_presets import settings_values
from fairlead.accounts.bot_questions import BotQuestion, Way
from fairlead.accounts.registry.bots import BotRegistry, KnownBot
from fairlead.accounts.registry.naming import Refused
from fairlead.core.model.bots.martingale import MartingaleSettings
from fairlead.core.model.money import format_amount
from fairlead.core.rules.bots.scaling import scale_sizes
from fairlead.reporting.ladder_text import ladder_values, worst_case_values
from fairlead.wiring.previewing import BotCheck, BotPlan, BotStage, plan_of

OpenStage = Callable[[], Awaitable[BotStage]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """A bot played through; ``found`` is the one that exists and was asked about, None for a new one."""

    check: BotCheck
    found: KnownBot | None = None


async def look(bots: BotRegistry, tenant: str, question: BotQuestion, open_stage: OpenStage) -> Looked | Refused:
    """Find what is asked about and play it through.

    Raises:
        SettingsError: the question makes no settings.
    """
    found = await bots.find(tenant, question.bot) if question.bot else None
    if isinstance(found, Refused):
        return found
    stage = await open_stage()
    try:
        check = _play(stage, question, found)
    except ArithmeticError:
        return Refused(message="its numbers are too large or too small to be computed with")
    return check if isinstance(check, Refused) else Looked(check=check, found=found)


def check_values(check: BotCheck) -> dict[str, Any]:
    """A bot that was played through, for a program: amounts as text."""
    return {
        "account": check.account.label,
        "mode": check.account.mode.value,
        "symbol": check.preview.symbol,
        "price": format_amount(check.preview.price),
        "levels": ladder_values(check.preview),
        "worst_case": worst_case_values(check.preview.worst),
        "free": format_amount(check.free),
        "by_others": format_amount(check.by_others),
        "findings": [
            {"field": one.field, "value": one.value, "rule": one.rule, "refuses": one.refuses} for one in check.findings
        ],
        "settings": settings_values(check.settings),
    }


def _play(stage: BotStage, question: BotQuestion, found: KnownBot | None) -> BotCheck | Refused:
    plan, before = _plan(stage, question, found)
    market = stage.find_market(plan)
    if isinstance(market, Refused):
        return market
    _, instrument, price = market
    settings = question.wish.settings(before, price, instrument)
    check = stage.check(plan.having(settings))
    budget = question.wish.budget
    if budget is None or isinstance(check, Refused) or not check.preview.worst.capital:
        return check
    return stage.check(plan.having(scale_sizes(settings, budget / check.preview.worst.capital)))


def _plan(stage: BotStage, question: BotQuestion, found: KnownBot | None) -> tuple[BotPlan, Mapping[str, Any]]:
    """Where it is played, and the settings that the wish goes over."""
    if found is None:
        new = BotPlan(
            account=question.account, symbol=question.symbol, settings=MartingaleSettings(), price=question.price
        )
        return new, {}
    newest = settings_values(found.bot.settings)
    match question.way:
        case Way.GOES_ON:
            return plan_of(found, question.price), settings_values(stage.settings_of(found.bot))
        case Way.EDITED:
            return plan_of(replace(found, state=None), question.price), newest
        case Way.EDITED_NOW:
            return plan_of(found, question.price, replans=True), newest
        case Way.COPIED | Way.NEW:
            copy = BotPlan(
                account=question.account or found.bot.account_id,
                symbol=question.symbol or found.bot.symbol,
                settings=found.bot.settings,
                price=question.price,
            )
            return copy, newest
        case other:
            assert_never(other)
