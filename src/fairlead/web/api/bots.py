"""Bots over HTTP: users of a tenant see them, those who may trade change them, a hook's sender may give signals."""

from __future__ import annotations

import json
from collections.abc import Awaitable
from decimal import Decimal
from http import HTTPStatus
from typing import Final, NoReturn, TypeVar

import msgspec
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fairlead.accounts.bot_presets import SettingsError, settings_values, to_settings
from fairlead.accounts.registry.bots import BotWish, KnownBot
from fairlead.core.model.bots.bot import Wish
from fairlead.core.model.bots.decision import Instruction
from fairlead.core.model.money import ZERO, format_amount
from fairlead.sources.webhook.intake import Refusal
from fairlead.sources.webhook.seams import UnreadableError
from fairlead.web.api.bot_callers import BotCallers, RefusedCallError, refuse, require
from fairlead.web.api.bot_shapes import (
    BotAnswer,
    BotsAnswer,
    BotView,
    Empty,
    NewBot,
    SignalCall,
    Stop,
    Word,
    WordAnswer,
)
from fairlead.web.bodies import read_body
from fairlead.web.replies import error_reply, json_reply
from fairlead.web.tools import WebTools

KEY_LENGTH_MAX: Final = 128
NOT_THERE: Final = "nothing of yours has this name"
T = TypeVar("T")


def make_bot_routes(tools: WebTools) -> list[Route]:
    """Every route about bots; what they are for is written down in web/bot_description.py."""
    page = BotPage(tools)
    return [
        Route("/bots", page.list_bots, methods=["GET"]),
        Route("/bots", page.create, methods=["POST"]),
        Route("/bots/{bot}", page.show, methods=["GET"]),
        Route("/bots/{bot}/pause", page.pause, methods=["POST"]),
        Route("/bots/{bot}/resume", page.resume, methods=["POST"]),
        Route("/bots/{bot}/stop", page.stop, methods=["POST"]),
        Route("/bots/{bot}/commands", page.tell, methods=["POST"]),
        Route("/bots/{bot}/signal/{signal}", page.signal, methods=["POST"]),
    ]


class BotPage:
    """Answers about the bots of the caller's tenant, and nobody else's."""

    def __init__(self, tools: WebTools) -> None:
        """Work with these tools."""
        self._tools = tools
        self._callers = BotCallers(tools)

    async def list_bots(self, request: Request) -> Response:
        """Show every bot."""
        return await self._answer(request, self._list(request))

    async def show(self, request: Request) -> Response:
        """Show one bot."""
        return await self._answer(request, self._show(request))

    async def create(self, request: Request) -> Response:
        """Create a bot, once it was played through and nothing speaks against it."""
        return await self._answer(request, self._create(request))

    async def pause(self, request: Request) -> Response:
        """Let a bot open nothing more; what closes goes on."""
        return await self._answer(request, self._want(request, Wish.PAUSE))

    async def resume(self, request: Request) -> Response:
        """Let a bot go on."""
        return await self._answer(request, self._want(request, Wish.RUN))

    async def stop(self, request: Request) -> Response:
        """Stop a bot."""
        return await self._answer(request, self._stop(request))

    async def tell(self, request: Request) -> Response:
        """Tell a bot something while it runs."""
        return await self._answer(request, self._tell(request))

    async def signal(self, request: Request) -> Response:
        """Tell a bot that a condition holds now."""
        return await self._answer(request, self._signal(request))

    async def _answer(self, request: Request, work: Awaitable[Response]) -> Response:
        try:
            return await work
        except RefusedCallError as error:
            return error_reply(request.state.call_id, error.refusal)
        except SQLAlchemyError as error:
            raise UnreadableError(type(error).__name__) from error

    async def _list(self, request: Request) -> Response:
        user = await self._callers.find_user(request)
        found = await self._tools.bots.list_all(user.tenant)
        body = BotsAnswer(request_id=request.state.call_id, bots=tuple(_view(one) for one in found))
        return json_reply(HTTPStatus.OK, body)

    async def _show(self, request: Request) -> Response:
        user = await self._callers.find_user(request)
        return _bot_reply(request, await self._find(request, user.tenant))

    async def _create(self, request: Request) -> Response:
        user = await self._callers.find_user(request, changes=True)
        asked = await self._read(request, NewBot)
        try:
            settings = to_settings(asked.settings)
        except (SettingsError, ArithmeticError) as error:
            refuse(HTTPStatus.BAD_REQUEST, str(error))
        wish = BotWish(
            name=asked.name, account=asked.account, symbol=asked.symbol, settings=settings, owner=user.user_id
        )
        verdict = require(await self._tools.check_bot(user.tenant, wish))
        if verdict.refusals and not (verdict.is_only_capital and asked.over_reserve):
            text = "this bot would not do, or its account could not carry it"
            raise RefusedCallError(Refusal(status_code=HTTPStatus.BAD_REQUEST, error=text, details=verdict.refusals))
        found = require(await self._tools.bots.create(user.tenant, wish))
        body = BotAnswer(request_id=request.state.call_id, bot=_view(found), preview=verdict.preview)
        return json_reply(HTTPStatus.CREATED, body)

    async def _want(self, request: Request, wish: Wish) -> Response:
        user = await self._callers.find_user(request, changes=True)
        await self._read(request, Empty)
        found = await self._find(request, user.tenant)
        return _bot_reply(request, require(await self._tools.bots.set_wish(user.tenant, found.bot.bot_id, wish)))

    async def _stop(self, request: Request) -> Response:
        user = await self._callers.find_user(request, changes=True)
        how = await self._read(request, Stop)
        found = await self._find(request, user.tenant)
        wish = Wish.STOP_AND_SELL if how.sell else Wish.STOP_AND_KEEP
        return _bot_reply(request, require(await self._tools.bots.set_wish(user.tenant, found.bot.bot_id, wish)))

    async def _tell(self, request: Request) -> Response:
        user = await self._callers.find_user(request, changes=True)
        word = await self._read(request, Word)
        if word.instruction is Instruction.SIGNAL:
            refuse(HTTPStatus.BAD_REQUEST, "a signal has an address of its own: /bots/NAME/signal/SIGNAL")
        found = await self._find(request, user.tenant)
        told = await self._tools.bots.tell(
            user.tenant, found.bot.bot_id, word.instruction, size=word.size, by=user.username
        )
        return _word_reply(request, found, require(told)[1].number)

    async def _signal(self, request: Request) -> Response:
        body = await self._read(request, SignalCall)
        caller = await self._callers.find_sender(request, body.auth_token)
        if len(body.id) > KEY_LENGTH_MAX:
            refuse(HTTPStatus.BAD_REQUEST, f"id has more than {KEY_LENGTH_MAX} characters")
        found = await self._find(request, caller.tenant)
        if caller.hook is not None and not self._callers.reaches(caller, found):
            refuse(HTTPStatus.NOT_FOUND, NOT_THERE)
        by = caller.hook.name if caller.hook is not None else caller.user.username if caller.user is not None else ""
        # Two senders may call two signals alike.
        key = f"{caller.hook_id}:{body.id}" if body.id else ""
        signal: str = request.path_params["signal"]
        told = await self._tools.bots.signal(caller.tenant, found.bot.bot_id, signal, key=key, by=by)
        return _word_reply(request, found, require(told)[1].number)

    async def _find(self, request: Request, tenant: str) -> KnownBot:
        found = await self._tools.bots.find(tenant, request.path_params["bot"])
        return require(found, HTTPStatus.NOT_FOUND, NOT_THERE)

    async def _read(self, request: Request, kind: type[T]) -> T:
        raw = await read_body(request, self._tools.body_bytes_max)
        if isinstance(raw, Refusal):
            raise RefusedCallError(raw)
        try:
            plain = json.loads(raw, parse_float=Decimal, parse_constant=_no_number) if raw else {}
            return msgspec.convert(plain, kind)
        except (msgspec.ValidationError, ValueError, ArithmeticError, RecursionError) as error:
            refuse(HTTPStatus.BAD_REQUEST, f"the body is not as described: {error}")


def _no_number(text: str) -> NoReturn:
    message = f"{text} is no number"
    raise ValueError(message)


def _bot_reply(request: Request, found: KnownBot) -> Response:
    return json_reply(HTTPStatus.OK, BotAnswer(request_id=request.state.call_id, bot=_view(found)))


def _word_reply(request: Request, found: KnownBot, number: int) -> Response:
    body = WordAnswer(request_id=request.state.call_id, bot=found.bot.name, number=number)
    return json_reply(HTTPStatus.ACCEPTED, body)


def _view(found: KnownBot) -> BotView:
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
    )
