"""Calls that make bots of settings: presets, previews, imports; create, duplicate, edit.

Each bot is played through by the code that runs it before it is stored, as on the command line.
"""

from __future__ import annotations

from decimal import Decimal
from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from fairlead.accounts.bot_imports.fields import ImportFault, imported_values
from fairlead.accounts.bot_imports.reading import import_bot
from fairlead.accounts.bot_presets import SettingsError, built_in_presets
from fairlead.accounts.bot_questions import BotQuestion, SettingsWish, Way
from fairlead.accounts.registry.bots import BotEdit, BotWish, StaleEdit
from fairlead.accounts.wrong_values import show_value
from fairlead.core.model.money import ZERO, AmountError, parse_amount
from fairlead.sources.webhook.alert import FieldError
from fairlead.sources.webhook.intake import Refusal
from fairlead.store.queries.users import User
from fairlead.web.api.bot_callers import RefusedCallError, refuse, require
from fairlead.web.api.bot_calls import BotCalls, field_error
from fairlead.web.api.bot_replies import view_of
from fairlead.web.api.bot_shapes import (
    BotAnswer,
    Copy,
    Edit,
    GivenSettings,
    Import,
    ImportAnswer,
    LeftOutView,
    NewBot,
    PresetsAnswer,
    PresetView,
    Preview,
    PreviewAnswer,
)
from fairlead.web.replies import json_reply
from fairlead.web.tools import BotVerdict, PlaysBusyError

BUSY_RETRY_S: Final = 2
WOULD_NOT_DO: Final = "this bot would not do, or its account could not carry it"
SAYS_NOTHING: Final = "say what it shall do: a preset, or settings"


class BotMaking:
    """Plays bots through, and stores those that nothing speaks against."""

    def __init__(self, calls: BotCalls) -> None:
        """Answer these calls."""
        self._calls = calls
        self._bots = calls.tools.bots

    async def list_presets(self, request: Request) -> Response:
        """Show what a bot can begin with."""
        return await self._calls.answer(request, self._list_presets(request))

    async def preview(self, request: Request) -> Response:
        """Show what a bot that is not there yet would do."""
        return await self._calls.answer(request, self._preview(request))

    async def preview_bot(self, request: Request) -> Response:
        """Show how a bot would go on."""
        return await self._calls.answer(request, self._preview_bot(request))

    async def read_import(self, request: Request) -> Response:
        """Show what a bot of another product would be here."""
        return await self._calls.answer(request, self._read_import(request))

    async def create(self, request: Request) -> Response:
        """Create a bot."""
        return await self._calls.answer(request, self._create(request))

    async def duplicate(self, request: Request) -> Response:
        """Create a bot like another."""
        return await self._calls.answer(request, self._duplicate(request))

    async def edit(self, request: Request) -> Response:
        """Give a bot new settings."""
        return await self._calls.answer(request, self._edit(request))

    async def _list_presets(self, request: Request) -> Response:
        await self._calls.callers.find_user(request)
        views = tuple(
            PresetView(name=name, about=one.about, settings=one.settings) for name, one in built_in_presets().items()
        )
        return json_reply(HTTPStatus.OK, PresetsAnswer(request_id=request.state.call_id, presets=views))

    async def _preview(self, request: Request) -> Response:
        user = await self._calls.callers.find_user(request, plays=True)
        asked = await self._calls.read(request, Preview)
        question = _ask(asked, Way.NEW, account=asked.account, symbol=asked.symbol)
        _require_wish(question.wish)
        return _preview_reply(request, await self._look(user, question))

    async def _preview_bot(self, request: Request) -> Response:
        user = await self._calls.callers.find_user(request, plays=True)
        asked = await self._calls.read(request, GivenSettings)
        found = await self._calls.find(request, user.tenant)
        return _preview_reply(request, await self._look(user, _ask(asked, Way.GOES_ON, bot=found.bot.bot_id)))

    async def _read_import(self, request: Request) -> Response:
        await self._calls.callers.find_user(request)
        asked = await self._calls.read(request, Import)
        try:
            imported = import_bot(asked.bot, asked.source)
        except ImportFault as error:
            refuse(HTTPStatus.BAD_REQUEST, str(error), *([] if error.finding is None else [field_error(error.finding)]))
        except ArithmeticError:
            refuse(HTTPStatus.BAD_REQUEST, "its numbers are too large or too small to be computed with")
        body = ImportAnswer(
            request_id=request.state.call_id,
            source=imported.source,
            name=imported.name,
            symbol=imported.symbol,
            settings=imported_values(imported)["settings"],
            left_out=tuple(LeftOutView(field=one.field, value=one.value, why=one.why) for one in imported.left_out),
            assumed=imported.assumed,
        )
        return json_reply(HTTPStatus.OK, body)

    async def _create(self, request: Request) -> Response:
        user = await self._calls.callers.find_user(request, changes=True, plays=True)
        asked = await self._calls.read(request, NewBot)
        question = _ask(asked, Way.NEW, account=asked.account, symbol=asked.symbol)
        _require_wish(question.wish)
        verdict = _require_sound(await self._look(user, question), over_reserve=asked.over_reserve)
        return await self._begin(request, user, asked.name, verdict)

    async def _duplicate(self, request: Request) -> Response:
        user = await self._calls.callers.find_user(request, changes=True, plays=True)
        asked = await self._calls.read(request, Copy)
        found = await self._calls.find(request, user.tenant)
        question = _ask(asked, Way.COPIED, bot=found.bot.bot_id, account=asked.account, symbol=asked.symbol)
        verdict = _require_sound(await self._look(user, question), over_reserve=asked.over_reserve)
        return await self._begin(request, user, asked.name, verdict)

    async def _edit(self, request: Request) -> Response:
        user = await self._calls.callers.find_user(request, changes=True, plays=True)
        asked = await self._calls.read(request, Edit)
        found = await self._calls.find(request, user.tenant)
        known = found.bot.settings_version
        if asked.settings_version != known:
            message = f"{found.bot.name} has settings of version {known}: look at them, then edit those"
            require(StaleEdit(message=message, version=known))
        question = _ask(asked, Way.EDITED_NOW if asked.now else Way.EDITED, bot=found.bot.bot_id)
        _require_wish(question.wish)
        verdict = _require_sound(await self._look(user, question), over_reserve=asked.over_reserve)
        edit = BotEdit(settings=verdict.settings, by=user.username, now=asked.now, version=known)
        edited = require(await self._bots.edit(user.tenant, found.bot.bot_id, edit))
        body = BotAnswer(request_id=request.state.call_id, bot=view_of(edited), preview=verdict.preview)
        return json_reply(HTTPStatus.OK, body)

    async def _begin(self, request: Request, user: User, name: str, verdict: BotVerdict) -> Response:
        wish = BotWish(
            name=name,
            account=verdict.account_id,
            symbol=verdict.symbol,
            settings=verdict.settings,
            owner=user.user_id,
        )
        found = require(await self._bots.create(user.tenant, wish))
        body = BotAnswer(request_id=request.state.call_id, bot=view_of(found), preview=verdict.preview)
        return json_reply(HTTPStatus.CREATED, body)

    async def _look(self, user: User, question: BotQuestion) -> BotVerdict:
        try:
            return require(await self._calls.tools.look_at_bot(user.tenant, question))
        except SettingsError as error:
            refuse(HTTPStatus.BAD_REQUEST, str(error), *([] if error.finding is None else [field_error(error.finding)]))
        except PlaysBusyError as error:
            refusal = Refusal(
                status_code=HTTPStatus.SERVICE_UNAVAILABLE,
                error="too many bots are being played through; try again",
                retry_after_s=BUSY_RETRY_S,
            )
            raise RefusedCallError(refusal) from error


def _ask(given: GivenSettings, way: Way, *, bot: str = "", account: str = "", symbol: str = "") -> BotQuestion:
    wish = SettingsWish(preset=given.preset, values=given.settings, budget=_positive("budget", given.budget))
    price = _positive("price", given.price)
    return BotQuestion(way=way, wish=wish, bot=bot, account=account, symbol=symbol, price=price)


def _positive(field: str, value: Decimal | None) -> Decimal | None:
    if value is None:
        return None
    try:
        rule = "" if parse_amount(str(value)) > ZERO else "must be above 0"
    except AmountError as error:
        rule = str(error)
    if rule:
        shown = show_value(value)
        refuse(HTTPStatus.BAD_REQUEST, f"{field} = {shown}: {rule}", FieldError(field=field, value=shown, rule=rule))
    return value


def _require_wish(wish: SettingsWish) -> None:
    if wish.is_empty:
        refuse(HTTPStatus.BAD_REQUEST, SAYS_NOTHING, FieldError(field="settings", value="", rule=SAYS_NOTHING))


def _require_sound(verdict: BotVerdict, *, over_reserve: bool) -> BotVerdict:
    if verdict.refusals and not (verdict.is_only_capital and over_reserve):
        refuse(HTTPStatus.BAD_REQUEST, WOULD_NOT_DO, *verdict.refusals)
    return verdict


def _preview_reply(request: Request, verdict: BotVerdict) -> Response:
    body = PreviewAnswer(request_id=request.state.call_id, preview=verdict.preview)
    return json_reply(HTTPStatus.OK, body)
