"""The web application: hooks first, then the API, each within the request edge."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from fairlead.sources.webhook.intake import STORE_RETRY_S, Refusal
from fairlead.sources.webhook.seams import UnreadableError
from fairlead.web.api.bots import make_bot_routes
from fairlead.web.api.monitoring import make_monitoring
from fairlead.web.api.routes import make_api
from fairlead.web.description import describe_api
from fairlead.web.edge import RequestEdge
from fairlead.web.hooks.alerts import HookCalls
from fairlead.web.hooks.front import HookFront
from fairlead.web.replies import WRONG_METHOD_TEXT, error_reply, json_reply
from fairlead.web.tools import WebTools

UNREADABLE_TEXT: Final = "what is stored cannot be read now; nothing was changed"
ERRORS: Final = {404: "there is nothing here", 405: WRONG_METHOD_TEXT}


def build_app(tools: WebTools) -> ASGIApp:
    """Put the application together."""
    return HookFront(hooks=RequestEdge(HookCalls(tools), tools), others=_build_api(tools))


def _build_api(tools: WebTools) -> Starlette:
    app = Starlette(
        routes=[
            *make_api(tools),
            *make_bot_routes(tools),
            *make_monitoring(tools),
            Route("/openapi.json", _show_description),
        ],
        middleware=[Middleware(RequestEdge, tools=tools)],
        exception_handlers={HTTPException: _answer_http_error, UnreadableError: _answer_unreadable},
    )
    # An address with a slash too many is another one.
    app.router.redirect_slashes = False
    return app


async def _show_description(_: Request) -> Response:
    return json_reply(HTTPStatus.OK, describe_api())


async def _answer_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException), error
    text = ERRORS.get(error.status_code, error.detail)
    refusal = Refusal(status_code=error.status_code, error=text)
    return error_reply(request.state.call_id, refusal, dict(error.headers or {}))


async def _answer_unreadable(request: Request, error: Exception) -> Response:
    # /health says what is wrong with the store, so a call that met it adds nothing to the log.
    assert isinstance(error, UnreadableError), error
    refusal = Refusal(status_code=HTTPStatus.SERVICE_UNAVAILABLE, error=UNREADABLE_TEXT, retry_after_s=STORE_RETRY_S)
    return error_reply(request.state.call_id, refusal)
