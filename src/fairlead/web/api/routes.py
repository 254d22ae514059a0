"""Questions about alerts."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fairlead.sources.webhook.intake import Refusal
from fairlead.store.queries.hooks import Hook
from fairlead.web.callers import Caller, find_address, identify, refuse_stranger
from fairlead.web.replies import error_reply, json_reply
from fairlead.web.tools import WebTools

ID_LENGTH_MAX: Final = 64


class AddressAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """From where we see a caller, and what lets them in; null where nothing does."""

    request_id: str = msgspec.field(name="requestId")
    address: str | None
    installation_rule: str | None
    hook_rule: str | None
    allowed: bool


def make_api(tools: WebTools) -> list[Route]:
    """Every route that answers questions."""
    questions = Questions(tools)
    # What they are for is written down in web/description.py.
    return [
        Route("/requests/{request_id}", questions.show_request),
        Route("/explain/{subject}", questions.explain),
        Route("/hooks/{hook}/address", questions.show_address),
    ]


class Questions:
    """Answers questions of senders about their own hook's alerts, and of users about their tenant's."""

    def __init__(self, tools: WebTools) -> None:
        """Work with these tools."""
        self._tools = tools

    async def show_request(self, request: Request) -> Response:
        """Tell how an alert stands."""
        request_id: str = request.path_params["request_id"]
        caller = await identify(request, self._tools)
        if isinstance(caller, Refusal):
            return error_reply(request.state.call_id, caller)
        found = None
        if len(request_id) <= ID_LENGTH_MAX:
            found = await self._tools.intake.find_answer(caller.tenant, request_id, hook_id=caller.hook_id)
        if found is None:
            return _not_found(request)
        return json_reply(found.status_code, found.answer)

    async def explain(self, request: Request) -> Response:
        """Tell everything about an alert, a request or an order."""
        subject: str = request.path_params["subject"]
        caller = await identify(request, self._tools)
        if isinstance(caller, Refusal):
            return error_reply(request.state.call_id, caller)
        explanation = await self._tools.explain(caller.tenant, subject) if len(subject) <= ID_LENGTH_MAX else None
        if explanation is None or not _may_see(caller, explanation):
            return _not_found(request)
        return json_reply(HTTPStatus.OK, {**explanation, "requestId": request.state.call_id})

    async def show_address(self, request: Request) -> Response:
        """Tell a hook's owner or sender which address we see, without turning them away because of it."""
        address = find_address(request, self._tools)
        found = await self._find_hook(request.path_params["hook"], request)
        if isinstance(found, Refusal):
            return error_reply(request.state.call_id, found)
        installation_rule = self._tools.allowed_addresses.find_rule(address)
        hook_rule = self._tools.directory.current.find_address_rule(found, address)
        body = AddressAnswer(
            request_id=request.state.call_id,
            address=str(address) if address is not None else None,
            installation_rule=installation_rule,
            hook_rule=hook_rule,
            allowed=installation_rule is not None and hook_rule is not None,
        )
        return json_reply(HTTPStatus.OK, body)

    async def _find_hook(self, name: str, request: Request) -> Hook | Refusal:
        caller = await identify(request, self._tools, any_address=True)
        if isinstance(caller, Refusal):
            return caller
        found = caller.hook or self._tools.directory.current.find_hook(caller.tenant, name)
        if found is None or name not in {found.hook_id, found.name}:
            return refuse_stranger(find_address(request, self._tools), self._tools)
        return found


def _may_see(caller: Caller, explanation: dict[str, Any]) -> bool:
    """Whether it is about an alert (or a refused call) of the caller's own hook."""
    if not caller.hook_id:
        return True
    parts = [part for part in (explanation.get("alert"), explanation.get("refused_call")) if isinstance(part, dict)]
    return bool(parts) and all(part.get("hook_id") == caller.hook_id for part in parts)


def _not_found(request: Request) -> Response:
    refusal = Refusal(status_code=HTTPStatus.NOT_FOUND, error="nothing of yours has this id")
    return error_reply(request.state.call_id, refusal)
