"""The part of the description of the API that is about bots."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from fairlead.web.api.bot_shapes import (
    BotAnswer,
    BotsAnswer,
    Copy,
    Edit,
    Empty,
    GivenSettings,
    Import,
    ImportAnswer,
    NewBot,
    PresetsAnswer,
    Preview,
    PreviewAnswer,
    Remove,
    SignalCall,
    StaleReply,
    Stop,
    Word,
    WordAnswer,
)
from fairlead.web.replies import ErrorReply

BOT_SHAPES: Final = (
    *(BotAnswer, BotsAnswer, WordAnswer, PreviewAnswer, PresetsAnswer, ImportAnswer, StaleReply),
    *(NewBot, Preview, GivenSettings, Edit, Copy, Import, Remove, Stop, Word, SignalCall, Empty),
)
_JSON: Final = "application/json"
_REFUSALS: Final = {
    400: "Not as described, or refused: the error says why, details name fields",
    401: "The token or password is missing or wrong",
    403: "Not for this caller, from this address, or in this role",
    404: "Nothing of yours has this name",
    405: "Another method is taken here",
    408: "The body took too long",
    413: "The body is too large",
    429: "Too many calls; see Retry-After",
    503: "What is stored cannot be read or written now; see Retry-After",
}


def describe_bots() -> dict[str, Any]:
    """Paths by address, as plain values."""
    user: dict[str, Any] = {"security": [{"password": []}]}
    return {
        "/bots": {
            "get": user | {"summary": "Every bot", "responses": _answers(BotsAnswer, 200)},
            "post": user
            | {
                "summary": "Create a bot, after it was played through",
                "requestBody": _body(NewBot, required=True),
                "responses": _answers(BotAnswer, 201),
            },
        },
        "/bots/{bot}": {
            "get": user | {"summary": "One bot", "parameters": [_path("bot")], "responses": _answers(BotAnswer, 200)}
        },
        **_describe_beginnings(user),
        **_describe_plays(user),
        **_describe_changes(user),
        "/bots/{bot}/commands": {
            "post": user
            | {
                "summary": "Tell a bot something while it runs",
                "parameters": [_path("bot")],
                "requestBody": _body(Word, required=True),
                "responses": _answers(WordAnswer, 202),
            }
        },
        "/bots/{bot}/signal/{signal}": {
            "post": {
                "summary": "Tell a bot that a condition holds now",
                # The token may also stand in the body, as authToken.
                "security": [{"token": []}, {"password": []}, {}],
                "parameters": [_path("bot"), _path("signal")],
                "requestBody": _body(SignalCall),
                "responses": _answers(WordAnswer, 202),
            }
        },
    }


def _describe_beginnings(user: dict[str, Any]) -> dict[str, Any]:
    """What is asked before there is a bot."""
    return {
        "/bot-presets": {
            "get": user | {"summary": "Presets that a bot can begin with", "responses": _answers(PresetsAnswer, 200)}
        },
        "/bot-previews": {
            "post": user
            | {
                "summary": "What a bot that is not there yet would do and could cost; nothing is stored",
                "requestBody": _body(Preview, required=True),
                "responses": _answers(PreviewAnswer, 200),
            }
        },
        "/bot-imports": {
            "post": user
            | {
                "summary": "What a bot of another product would be here; nothing is stored",
                "requestBody": _body(Import, required=True),
                "responses": _answers(ImportAnswer, 200),
            }
        },
    }


def _describe_plays(user: dict[str, Any]) -> dict[str, Any]:
    """What plays a bot through that exists."""
    named = user | {"parameters": [_path("bot")]}
    stale = {
        "409": {
            "description": "Made from older settings; settingsVersion is the newest",
            "content": _content(StaleReply),
        }
    }
    return {
        "/bots/{bot}/preview": {
            "post": named
            | {
                "summary": "How a bot would go on from where it stands, with other settings if you like",
                "requestBody": _body(GivenSettings),
                "responses": _answers(PreviewAnswer, 200),
            }
        },
        "/bots/{bot}/duplicate": {
            "post": named
            | {
                "summary": "Create a bot like another, after it was played through",
                "requestBody": _body(Copy, required=True),
                "responses": _answers(BotAnswer, 201),
            }
        },
        "/bots/{bot}/edit": {
            "post": named
            | {
                "summary": "Give a bot new settings for its next deal, or for the running one, too",
                "requestBody": _body(Edit, required=True),
                "responses": _answers(BotAnswer, 200) | stale,
            }
        },
        "/bots/{bot}/remove": {
            "post": named
            | {
                "summary": "Forget a bot that holds nothing, or keep what it holds",
                "requestBody": _body(Remove),
                "responses": _answers(BotAnswer, 200)
                | {"409": {"description": "It holds something or has orders", "content": _content(ErrorReply)}},
            }
        },
    }


def _describe_changes(user: dict[str, Any]) -> dict[str, Any]:
    change: dict[str, tuple[type[msgspec.Struct], str]] = {
        "pause": (Empty, "Let a bot open nothing more; what closes goes on"),
        "resume": (Empty, "Let a bot go on"),
        "stop": (Stop, "Stop a bot, and keep or close what it holds"),
    }
    return {
        f"/bots/{{bot}}/{name}": {
            "post": user
            | {
                "summary": summary,
                "parameters": [_path("bot")],
                "requestBody": _body(kind),
                "responses": _answers(BotAnswer, 200),
            }
        }
        for name, (kind, summary) in change.items()
    }


def _answers(kind: type[msgspec.Struct], code: int) -> dict[str, Any]:
    done = {str(code): {"description": "Done", "content": _content(kind)}}
    return done | {str(no): {"description": text, "content": _content(ErrorReply)} for no, text in _REFUSALS.items()}


def _body(kind: type[msgspec.Struct], *, required: bool = False) -> dict[str, Any]:
    return {"required": required, "content": _content(kind)}


def _content(kind: type[msgspec.Struct]) -> dict[str, Any]:
    return {_JSON: {"schema": {"$ref": f"#/components/schemas/{kind.__name__}"}}}


def _path(name: str) -> dict[str, Any]:
    schema = {"type": "string", "minLength": 1}
    return {"name": name, "in": "path", "required": True, "description": "Name or id", "schema": schema}
