"""Bots over HTTP: users of a tenant see them, those who may trade change them, a hook's sender may give signals."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fairlead.core.model.bots.bot import Wish
from fairlead.core.model.bots.decision import Instruction
from fairlead.web.api.bot_callers import refuse, require
from fairlead.web.api.bot_calls import NOT_THERE, BotCalls
from fairlead.web.api.bot_making import BotMaking
from fairlead.web.api.bot_replies import bot_reply, view_of, word_reply
from fairlead.web.api.bot_shapes import BotsAnswer, Empty, Remove, SignalCall, Stop, Word
from fairlead.web.replies import json_reply
from fairlead.web.tools import WebTools

KEY_LENGTH_MAX: Final = 128


def make_bot_routes(tools: WebTools) -> list[Route]:
    """Every route about bots; what they are for is written down in web/bot_description.py."""
    calls = BotCalls(tools)
    page, making = BotPage(calls), BotMaking(calls)
    return [
        Route("/bots", page.list_bots, methods=["GET"]),
        Route("/bots", making.create, methods=["POST"]),
        Route("/bot-presets", making.list_presets, methods=["GET"]),
        Route("/bot-previews", making.preview, methods=["POST"]),
        Route("/bot-imports", making.read_import, methods=["POST"]),
        Route("/bots/{bot}", page.show, methods=["GET"]),
        Route("/bots/{bot}/preview", making.preview_bot, methods=["POST"]),
        Route("/bots/{bot}/edit", making.edit, methods=["POST"]),
        Route("/bots/{bot}/duplicate", making.duplicate, methods=["POST"]),
        Route("/bots/{bot}/remove", page.remove, methods=["POST"]),
        Route("/bots/{bot}/pause", page.pause, methods=["POST"]),
        Route("/bots/{bot}/resume", page.resume, methods=["POST"]),
        Route("/bots/{bot}/stop", page.stop, methods=["POST"]),
        Route("/bots/{bot}/commands", page.tell, methods=["POST"]),
        Route("/bots/{bot}/signal/{signal}", page.signal, methods=["POST"]),
    ]


class BotPage:
    """Shows bots, and takes what is wanted of them."""

    def __init__(self, calls: BotCalls) -> None:
        """Answer these calls."""
        self._calls = calls
        self._bots = calls.tools.bots

    async def list_bots(self, request: Request) -> Response:
        """Show every bot."""
        return await self._calls.answer(request, self._list(request))

    async def show(self, request: Request) -> Response:
        """Show one bot."""
        return await self._calls.answer(request, self._show(request))

    async def pause(self, request: Request) -> Response:
        """Let a bot open nothing more; what closes goes on."""
        return await self._calls.answer(request, self._want(request, Wish.PAUSE))

    async def resume(self, request: Request) -> Response:
        """Let a bot go on."""
        return await self._calls.answer(request, self._want(request, Wish.RUN))

    async def stop(self, request: Request) -> Response:
        """Stop a bot."""
        return await self._calls.answer(request, self._stop(request))

    async def remove(self, request: Request) -> Response:
        """Forget a bot."""
        return await self._calls.answer(request, self._remove(request))

    async def tell(self, request: Request) -> Response:
        """Tell a bot something while it runs."""
        return await self._calls.answer(request, self._tell(request))

    async def signal(self, request: Request) -> Response:
        """Tell a bot that a condition holds now."""
        return await self._calls.answer(request, self._signal(request))

    async def _list(self, request: Request) -> Response:
        user = await self._calls.callers.find_user(request)
        found = await self._bots.list_all(user.tenant)
        body = BotsAnswer(request_id=request.state.call_id, bots=tuple(view_of(one) for one in found))
        return json_reply(HTTPStatus.OK, body)

    async def _show(self, request: Request) -> Response:
        user = await self._calls.callers.find_user(request)
        return bot_reply(request, await self._calls.find(request, user.tenant))

    async def _want(self, request: Request, wish: Wish) -> Response:
        user = await self._calls.callers.find_user(request, changes=True)
        await self._calls.read(request, Empty)
        found = await self._calls.find(request, user.tenant)
        return bot_reply(request, require(await self._bots.set_wish(user.tenant, found.bot.bot_id, wish)))

    async def _stop(self, request: Request) -> Response:
        user = await self._calls.callers.find_user(request, changes=True)
        how = await self._calls.read(request, Stop)
        found = await self._calls.find(request, user.tenant)
        wish = Wish.STOP_AND_SELL if how.sell else Wish.STOP_AND_KEEP
        return bot_reply(request, require(await self._bots.set_wish(user.tenant, found.bot.bot_id, wish)))

    async def _remove(self, request: Request) -> Response:
        user = await self._calls.callers.find_user(request, changes=True)
        how = await self._calls.read(request, Remove)
        found = await self._calls.find(request, user.tenant)
        return bot_reply(request, require(await self._bots.remove(user.tenant, found.bot.bot_id, keep=how.keep)))

    async def _tell(self, request: Request) -> Response:
        user = await self._calls.callers.find_user(request, changes=True)
        word = await self._calls.read(request, Word)
        if word.instruction is Instruction.SIGNAL:
            refuse(HTTPStatus.BAD_REQUEST, "a signal has an address of its own: /bots/NAME/signal/SIGNAL")
        found = await self._calls.find(request, user.tenant)
        told = await self._bots.tell(user.tenant, found.bot.bot_id, word.instruction, size=word.size, by=user.username)
        return word_reply(request, found, require(told)[1].number)

    async def _signal(self, request: Request) -> Response:
        body = await self._calls.read(request, SignalCall)
        caller = await self._calls.callers.find_sender(request, body.auth_token)
        if len(body.id) > KEY_LENGTH_MAX:
            refuse(HTTPStatus.BAD_REQUEST, f"id has more than {KEY_LENGTH_MAX} characters")
        found = await self._calls.find(request, caller.tenant)
        if caller.hook is not None and not self._calls.callers.reaches(caller, found):
            refuse(HTTPStatus.NOT_FOUND, NOT_THERE)
        by = caller.hook.name if caller.hook is not None else caller.user.username if caller.user is not None else ""
        # Two senders may call two signals alike.
        key = f"{caller.hook_id}:{body.id}" if body.id else ""
        signal: str = request.path_params["signal"]
        told = await self._bots.signal(caller.tenant, found.bot.bot_id, signal, key=key, by=by)
        return word_reply(request, found, require(told)[1].number)
