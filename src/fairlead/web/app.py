"""The web application: hooks first, then the API, each within the request edge."""

from __future__ import annotations

from http import HTTPStatus
from importlib.metadata import version
from typing import Final

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from fairlead.sources.webhook.intake import Refusal
from fairlead.web.api.monitoring import make_monitoring
from fairlead.web.api.routes import make_api
from fairlead.web.description import describe_api
from fairlead.web.edge import RequestEdge
from fairlead.web.hooks.alerts import HookCalls
from fairlead.web.hooks.front import HookFront
from fairlead.web.replies import WRONG_METHOD_TEXT, error_reply
from fairlead.web.tools import WebTools

ERRORS: Final = {404: "there is nothing here", 405: WRONG_METHOD_TEXT}


def build_app(tools: WebTools) -> ASGIApp:
    """Put the application together."""
    return HookFront(hooks=RequestEdge(HookCalls(tools), tools), others=_build_api(tools))


def _build_api(tools: WebTools) -> FastAPI:
    # The interactive pages load scripts from elsewhere; the description itself stays.
    app = FastAPI(title="Fairlead", version=version("fairlead"), docs_url=None, redoc_url=None, redirect_slashes=False)
    app.include_router(make_api(tools))
    app.include_router(make_monitoring(tools))
    app.add_exception_handler(HTTPException, _answer_http_error)
    app.add_exception_handler(RequestValidationError, _answer_bad_request)
    app.add_middleware(RequestEdge, tools=tools)
    # One document for every route, also those that FastAPI does not serve.
    app.openapi = describe_api  # type: ignore[method-assign]
    return app


async def _answer_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException), error
    text = ERRORS.get(error.status_code, error.detail)
    refusal = Refusal(status_code=error.status_code, error=text)
    return error_reply(request.state.call_id, refusal, dict(error.headers or {}))


async def _answer_bad_request(request: Request, _: Exception) -> Response:
    refusal = Refusal(status_code=HTTPStatus.BAD_REQUEST, error="the request cannot be understood")
    return error_reply(request.state.call_id, refusal)
