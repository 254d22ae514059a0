"""The description of the API (OpenAPI 3.1); answers are described by the very types that write them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.metadata import version
from typing import Any, Final

import msgspec

from fairlead.core.model.account import ExecutionMode
from fairlead.core.model.request import Side
from fairlead.core.rules.symbols import ProductType
from fairlead.sources.webhook.decode import AlertMarginMode, AlertOrderType, AlertPositionSide, QuantityUnit
from fairlead.sources.webhook.results import AlertAnswer
from fairlead.web.api.routes import AddressAnswer
from fairlead.web.bot_description import BOT_SHAPES, describe_bots
from fairlead.web.replies import ErrorReply

OPENAPI_VERSION: Final = "3.1.0"
JSON: Final = "application/json"
ALERT: Final = "Alert"
CONDITION: Final = "Condition"
EXPLANATION: Final = "Explanation"

_HOOK_REFUSALS: Final = (400, 401, 403, 404, 405, 413, 429, 503)
_QUESTION_REFUSALS: Final = (400, 401, 403, 404, 405, 429, 503)
_MEANINGS: Final = {
    200: "Done, or as far as it is known",
    202: "On disk; the work is not finished",
    207: "Some accounts failed (strict statuses)",
    400: "Not JSON, or a wrong field; details names it",
    401: "The token or password is missing or wrong",
    403: "The caller's address is not allowed",
    404: "Nothing of that name",
    405: "Another method is taken here",
    413: "The body is too large",
    422: "All accounts failed or were denied (strict statuses)",
    429: "Too many calls; see Retry-After",
    503: "Nothing was stored, or nothing can be read now; see Retry-After",
}


def describe_api() -> dict[str, Any]:
    """The whole document, as plain values."""
    return {
        "openapi": OPENAPI_VERSION,
        "info": {"title": "Fairlead", "version": version("fairlead")},
        "paths": _describe_hooks() | _describe_questions() | describe_bots() | _describe_monitoring(),
        "components": {
            "schemas": _describe_shapes(),
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "A hook's token"},
                "password": {"type": "http", "scheme": "basic", "description": "A user's name and password"},
            },
        },
    }


def _describe_hooks() -> dict[str, Any]:
    answers = _answers(AlertAnswer.__name__, (200, 202, 207, 422)) | _refusals(_HOOK_REFUSALS)
    body = {"required": True, "content": {JSON: {"schema": _refer(ALERT)}}}
    # The token may also stand in the body, as authToken.
    operation = {"requestBody": body, "responses": answers, "security": [{"token": []}, {}]}
    return {
        "/hooks/{hook}": {
            "post": operation | {"summary": "Take an alert for this hook", "parameters": [_path("hook", "Id or name")]},
        },
        "/webhook": {"post": operation | {"summary": "Take an alert; its token names the hook"}},
        "/": {"post": operation | {"summary": "Take an alert; its token names the hook"}},
    }


def _describe_questions() -> dict[str, Any]:
    ask: dict[str, Any] = {"security": [{"token": []}, {"password": []}]}
    refusals = _refusals(_QUESTION_REFUSALS)
    return {
        "/requests/{request_id}": {
            "get": ask
            | {
                "summary": "How an alert stands, account by account",
                "parameters": [_path("request_id", "The requestId of an answer")],
                "responses": _answers(AlertAnswer.__name__, (200, 202)) | refusals,
            },
        },
        "/explain/{subject}": {
            "get": ask
            | {
                "summary": "Why an alert, a request or an order came out as it did",
                "parameters": [_path("subject", "Id of an alert, a request or an order, ours or the venue's")],
                "responses": _answers(EXPLANATION, (200,)) | refusals,
            },
        },
        "/hooks/{hook}/address": {
            "get": ask
            | {
                "summary": "Which address we see you call from, and what lets it in",
                "parameters": [_path("hook", "Id or name")],
                "responses": _answers(AddressAnswer.__name__, (200,)) | refusals,
            },
        },
    }


def _describe_monitoring() -> dict[str, Any]:
    condition = _answers(CONDITION, (200, 503)) | _refusals((400, 405))
    numbers = {"200": {"description": "Every number", "content": {"text/plain": {"schema": {"type": "string"}}}}}
    return {
        "/health": {"get": {"summary": "Whether the process works", "responses": condition}},
        "/ready": {"get": {"summary": "Whether it should be sent alerts", "responses": condition}},
        "/metrics": {
            "get": {
                "summary": "Numbers for Prometheus",
                "security": [{"token": []}, {}],
                "responses": numbers | _refusals((400, 401, 403, 405, 429)),
            },
        },
    }


def _describe_shapes() -> dict[str, Any]:
    _, shapes = msgspec.json.schema_components(
        (AlertAnswer, ErrorReply, AddressAnswer, *BOT_SHAPES), ref_template="#/components/schemas/{name}"
    )
    open_object = {"type": "object", "properties": {"requestId": {"type": "string"}}, "required": ["requestId"]}
    condition = {
        "type": "object",
        "properties": {
            "status": {"type": "string"},
            "reasons": {"type": "array", "items": {"type": "string"}},
            "requestId": {"type": "string"},
        },
        "required": ["status", "reasons", "requestId"],
    }
    return {**shapes, ALERT: _describe_alert(), CONDITION: condition, EXPLANATION: open_object}


def _describe_alert() -> dict[str, Any]:
    # Words are read in any case, and an amount may be a text: docs/alerts.md has the rules that a schema cannot say.
    text, flag, amount = {"type": "string"}, {"type": "boolean"}, {"type": ["string", "number"]}
    words = {
        "type": ProductType,
        "side": Side,
        "qtyUnit": QuantityUnit,
        "marginMode": AlertMarginMode,
        "positionSide": AlertPositionSide,
        "ordType": AlertOrderType,
        "executionMode": ExecutionMode,
    }
    fields: dict[str, Any] = {
        **dict.fromkeys(("authToken", "exchange", "symbol", "strategyId", "alertId", "idempotencyKey"), text),
        **dict.fromkeys(("marketPosition", "prevMarketPosition", "closeScope"), text),
        **{name: {"type": "string", "examples": [word.value for word in kind]} for name, kind in words.items()},
        **dict.fromkeys(("closePosition", "reduceOnly", "dryRun"), flag),
        **dict.fromkeys(("qty", "leverage", "price", "slPrice", "tpPrice", "positionSize", "alertTime"), amount),
        "maxLagSeconds": {"type": ["string", "number"]},
        "accounts": {"type": "array", "items": text, "minItems": 1},
    }
    return {"type": "object", "properties": fields, "required": ["exchange", "symbol", "type"]}


def _answers(shape: str, codes: Iterable[int]) -> dict[str, Any]:
    return {str(code): {"description": _MEANINGS[code], "content": _content(shape)} for code in codes}


def _refusals(codes: Iterable[int]) -> dict[str, Any]:
    return _answers(ErrorReply.__name__, codes)


def _content(shape: str) -> Mapping[str, Any]:
    return {JSON: {"schema": _refer(shape)}}


def _refer(shape: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{shape}"}


def _path(name: str, meaning: str) -> dict[str, Any]:
    # An empty one would be another address.
    schema = {"type": "string", "minLength": 1}
    return {"name": name, "in": "path", "required": True, "description": meaning, "schema": schema}
