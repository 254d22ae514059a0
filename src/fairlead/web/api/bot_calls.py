"""What every call about bots has: a body that is read, a bot that is found, and an answer whatever happens."""

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

from fairlead.accounts.registry.bots import KnownBot
from fairlead.accounts.wrong_values import explain_wrong
from fairlead.core.model.bots.preview import Finding
from fairlead.core.model.money import parse_amount
from fairlead.sources.webhook.alert import FieldError
from fairlead.sources.webhook.intake import Refusal
from fairlead.sources.webhook.seams import UnreadableError
from fairlead.web.api.bot_callers import BotCallers, RefusedCallError, refuse, require
from fairlead.web.api.bot_replies import stale_reply
from fairlead.web.bodies import read_body
from fairlead.web.replies import error_reply
from fairlead.web.tools import WebTools

NOT_THERE: Final = "nothing of yours has this name"
T = TypeVar("T")


class BotCalls:
    """Reads calls about bots of the caller's tenant, and nobody else's."""

    def __init__(self, tools: WebTools) -> None:
        """Work with these tools."""
        self.tools = tools
        self.callers = BotCallers(tools)

    async def answer(self, request: Request, work: Awaitable[Response]) -> Response:
        """What comes of the work, or why it ended.

        Raises:
            UnreadableError: the store cannot be read or written now.
        """
        try:
            return await work
        except RefusedCallError as error:
            if error.settings_version is not None:
                return stale_reply(request, error.refusal, error.settings_version)
            return error_reply(request.state.call_id, error.refusal)
        except SQLAlchemyError as error:
            raise UnreadableError(type(error).__name__) from error

    async def find(self, request: Request, tenant: str) -> KnownBot:
        """The bot of the address.

        Raises:
            RefusedCallError: the tenant has none of this name.
        """
        found = await self.tools.bots.find(tenant, request.path_params["bot"])
        return require(found, HTTPStatus.NOT_FOUND, NOT_THERE)

    async def read(self, request: Request, kind: type[T]) -> T:
        """The body; numbers are exact.

        Raises:
            RefusedCallError: it is not of this kind.
        """
        raw = await read_body(request, self.tools.body_bytes_max)
        if isinstance(raw, Refusal):
            raise RefusedCallError(raw)
        plain: object = {}
        try:
            plain = json.loads(raw, parse_float=_read_number, parse_constant=_no_number) if raw else {}
            return msgspec.convert(plain, kind)
        except msgspec.ValidationError as error:
            refuse(HTTPStatus.BAD_REQUEST, _not_described(error), field_error(explain_wrong(str(error), plain)))
        except (ValueError, ArithmeticError, RecursionError) as error:
            refuse(HTTPStatus.BAD_REQUEST, _not_described(error))


def field_error(finding: Finding) -> FieldError:
    """A finding as answers have it."""
    return FieldError(field=finding.field, value=finding.value, rule=finding.rule)


def _not_described(error: Exception) -> str:
    return f"the body is not as described: {error}"


def _read_number(text: str) -> Decimal:
    return parse_amount(text)


def _no_number(text: str) -> NoReturn:
    message = f"{text} is no number"
    raise ValueError(message)
