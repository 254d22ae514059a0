"""Answers about bots."""

from __future__ import annotations

from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response

from fairlead.accounts.bot_presets import settings_values
from fairlead.accounts.registry.bots import KnownBot
from fairlead.core.model.money import ZERO, format_amount
from fairlead.sources.webhook.intake import Refusal
from fairlead.web.api.bot_shapes import BotAnswer, BotView, StaleReply, WordAnswer
from fairlead.web.replies import json_reply


def bot_reply(request: Request, found: KnownBot) -> Response:
    """One bot."""
    return json_reply(HTTPStatus.OK, BotAnswer(request_id=request.state.call_id, bot=view_of(found)))


def word_reply(request: Request, found: KnownBot, number: int) -> Response:
    """A word to a bot is stored."""
    body = WordAnswer(request_id=request.state.call_id, bot=found.bot.name, number=number)
    return json_reply(HTTPStatus.ACCEPTED, body)


def stale_reply(request: Request, refusal: Refusal, settings_version: int) -> Response:
    """An edit came too late."""
    body = StaleReply(
        error=refusal.error,
        message=refusal.error,
        request_id=request.state.call_id,
        settings_version=settings_version,
    )
    return json_reply(refusal.status_code, body)


def view_of(found: KnownBot) -> BotView:
    """One bot, as everybody of its tenant sees it."""
    bot, state = found.bot, found.state
    troubles = () if state is None else state.troubles
    note = (
        "" if state is None else state.note or "; ".join(f"{one.slot}: {one.message or one.reason}" for one in troubles)
    )
    realized = ZERO if state is None else state.deal.realized + state.deal.realized_before
    return BotView(
        name=bot.name,
        account=found.account,
        symbol=bot.symbol,
        wanted=bot.wish.value,
        status="starting" if state is None else state.status.value,
        cycle=0 if state is None else state.cycle,
        held="0" if state is None else format_amount(state.deal.quantity),
        realized=format_amount(round(realized, 8)),
        orders=0 if state is None else len(state.orders),
        note=note,
        settings=settings_values(bot.settings),
        settings_version=bot.settings_version,
    )
