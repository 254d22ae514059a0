"""Codes and wording of the WebSockets (OKX API v5)."""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import Final

from fairlead.simulator.okx.codes import GatewayCode


class SocketCode(StrEnum):
    """Why a message was not taken."""

    TIMESTAMP_WRONG = "60004"
    KEY_WRONG = "60005"
    TIMESTAMP_EXPIRED = "60006"
    SIGN_WRONG = "60007"
    LOGIN_FAILED = "60009"
    LOGIN_FIRST = "60011"
    REQUEST_WRONG = "60012"
    ARGUMENTS_WRONG = "60013"
    TOO_FREQUENT = "60014"
    CHANNEL_UNKNOWN = "60018"
    OPERATION_UNKNOWN = "60019"
    LOGIN_TOO_OFTEN = "60023"
    PHRASE_WRONG = "60024"
    LOGIN_REPEATED = "60031"
    KEY_UNKNOWN = "60032"
    INTERNAL_ERROR = "64007"
    CLOSING = "64008"


class Close(IntEnum):
    """Why a connection was closed."""

    TOO_LONG = 1009
    LOGIN_FAILED = 4001
    REQUEST_WRONG = 4002
    IDLE = 4004
    BUFFER_FULL = 4005
    ABNORMAL = 4006
    KEY_CHANGED = 4007


TEXTS: Final = {
    SocketCode.TIMESTAMP_WRONG: "Invalid timestamp",
    SocketCode.KEY_WRONG: "Invalid apiKey",
    SocketCode.TIMESTAMP_EXPIRED: "Timestamp request expired",
    SocketCode.SIGN_WRONG: "Invalid sign",
    SocketCode.LOGIN_FAILED: "Login failed.",
    SocketCode.LOGIN_FIRST: "Please log in",
    SocketCode.REQUEST_WRONG: "Invalid request: {text}",
    SocketCode.ARGUMENTS_WRONG: "Invalid args",
    SocketCode.TOO_FREQUENT: "Requests too frequent",
    SocketCode.CHANNEL_UNKNOWN: (
        "Wrong URL or {text} doesn't exist. Please use the correct URL, channel and parameters referring to API "
        "document."
    ),
    SocketCode.OPERATION_UNKNOWN: "Invalid op: {text}",
    SocketCode.LOGIN_TOO_OFTEN: "Login requests too frequent",
    SocketCode.PHRASE_WRONG: "Wrong passphrase",
    SocketCode.LOGIN_REPEATED: "The WebSocket endpoint does not allow multiple or repeated logins.",
    SocketCode.KEY_UNKNOWN: "API key doesn't exist",
    SocketCode.INTERNAL_ERROR: "Operation failed due to internal error",
    SocketCode.CLOSING: "The connection will soon be closed for a service upgrade. Please reconnect.",
}

LOGIN_CODES: Final = {
    GatewayCode.TIMESTAMP_WRONG: SocketCode.TIMESTAMP_WRONG,
    GatewayCode.TIMESTAMP_EXPIRED: SocketCode.TIMESTAMP_EXPIRED,
    GatewayCode.SIGN_WRONG: SocketCode.SIGN_WRONG,
    GatewayCode.PHRASE_WRONG: SocketCode.PHRASE_WRONG,
}
"""What is wrong with a signature, in the words of the sockets."""
