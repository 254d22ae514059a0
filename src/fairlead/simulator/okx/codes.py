"""Codes and wording of the gateway in front of the exchange (OKX API v5); those of the engine are in ``refusals``."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

from fairlead.simulator.refusals import Code, refuse

if TYPE_CHECKING:
    from fairlead.simulator.orders import Refused

OK: Final = "0"
ALL_FAILED: Final = "1"
SOME_FAILED: Final = "2"
ALL_FAILED_TEXT: Final = "All operations failed"


class GatewayCode(StrEnum):
    """Why a request did not reach the engine, or its answer did not come back whole."""

    BODY_EMPTY = "50000"
    UNAVAILABLE = "50001"
    JSON_WRONG = "50002"
    TIMED_OUT = "50004"
    CONTENT_TYPE = "50006"
    RATE_LIMIT = "50011"
    BUSY = "50013"
    PARAMETER_EMPTY = "50014"
    EITHER_REQUIRED = "50015"
    SYSTEM_ERROR = "50026"
    DEADLINE_WAITED_OUT = "50037"
    ACCOUNT_RATE_LIMIT = "50061"
    KEY_FROZEN = "50100"
    WRONG_ENVIRONMENT = "50101"
    TIMESTAMP_EXPIRED = "50102"
    KEY_MISSING = "50103"
    PHRASE_MISSING = "50104"
    PHRASE_WRONG = "50105"
    SIGN_MISSING = "50106"
    TIMESTAMP_MISSING = "50107"
    ADDRESS_REFUSED = "50110"
    KEY_MALFORMED = "50111"
    TIMESTAMP_WRONG = "50112"
    SIGN_WRONG = "50113"
    VERB_WRONG = "50115"
    KEY_UNKNOWN = "50119"
    PERMISSION_MISSING = "50120"
    ID_REQUIRED = "51003"
    BATCH_TOO_LARGE = "51111"
    BATCH_FAILED = "54004"


_SLOW_ADVICE: Final = "(does not mean that the request was successful or failed, please check the request result)"
_FAULTS: Final[dict[GatewayCode, tuple[int, str]]] = {
    GatewayCode.BODY_EMPTY: (400, "Body for POST request cannot be empty."),
    GatewayCode.UNAVAILABLE: (503, "Service temporarily unavailable. Please try again later."),
    GatewayCode.JSON_WRONG: (400, "JSON syntax error"),
    GatewayCode.TIMED_OUT: (400, f"API endpoint request timeout. {_SLOW_ADVICE}."),
    GatewayCode.CONTENT_TYPE: (400, "Invalid Content-Type, please use application/json"),
    GatewayCode.RATE_LIMIT: (
        429,
        "Rate limit reached. Please refer to API documentation and throttle requests accordingly.",
    ),
    GatewayCode.BUSY: (429, "Systems are busy. Please try again later."),
    GatewayCode.PARAMETER_EMPTY: (200, "Parameter {name} can not be empty."),
    GatewayCode.EITHER_REQUIRED: (200, "Either parameter {first} or {second} is required"),
    GatewayCode.SYSTEM_ERROR: (500, "System error. Try again later"),
    GatewayCode.DEADLINE_WAITED_OUT: (200, "Order expired."),
    GatewayCode.ACCOUNT_RATE_LIMIT: (200, "You've reached the maximum order rate limit for this account."),
    GatewayCode.KEY_FROZEN: (400, "API frozen, please contact customer service"),
    GatewayCode.WRONG_ENVIRONMENT: (401, "APIKey does not match current environment."),
    GatewayCode.TIMESTAMP_EXPIRED: (401, "Timestamp request expired."),
    GatewayCode.KEY_MISSING: (401, 'Request header "OK-ACCESS-KEY" cannot be empty.'),
    GatewayCode.PHRASE_MISSING: (401, 'Request header "OK-ACCESS-PASSPHRASE" cannot be empty.'),
    GatewayCode.PHRASE_WRONG: (401, 'Request header "OK-ACCESS-PASSPHRASE" incorrect.'),
    GatewayCode.SIGN_MISSING: (401, 'Request header "OK-ACCESS-SIGN" cannot be empty.'),
    GatewayCode.TIMESTAMP_MISSING: (401, 'Request header "OK-ACCESS-TIMESTAMP" cannot be empty.'),
    GatewayCode.ADDRESS_REFUSED: (401, "Your IP {address} is not included in your API key's IP whitelist."),
    GatewayCode.KEY_MALFORMED: (401, "Invalid OK-ACCESS-KEY."),
    GatewayCode.TIMESTAMP_WRONG: (401, "Invalid OK-ACCESS-TIMESTAMP."),
    GatewayCode.SIGN_WRONG: (401, "Invalid signature."),
    GatewayCode.VERB_WRONG: (405, "Invalid request method."),
    GatewayCode.KEY_UNKNOWN: (200, "API key doesn't exist"),
    GatewayCode.PERMISSION_MISSING: (200, "This API key doesn't have permission to use this function"),
    GatewayCode.ID_REQUIRED: (200, "Either client order ID or order ID is required."),
    GatewayCode.BATCH_TOO_LARGE: (200, "Maximum {limit} orders can be placed in bulk."),
    GatewayCode.BATCH_FAILED: (200, "One order of the batch failed, so none of it was placed."),
}


class OkxError(Exception):
    """A request is refused: with this code and text in the envelope and this HTTP status."""

    def __init__(self, code: str, message: str, *, status: int = 200, sub_code: str = "") -> None:
        """Refuse."""
        super().__init__(f"{code} {message}")
        self.code = code
        self.message = message
        self.status = status
        self.sub_code = sub_code


def fault(code: GatewayCode, **values: str) -> OkxError:
    """Word a refusal of the gateway."""
    status, text = _FAULTS[code]
    return OkxError(code.value, text.format(**values), status=status)


def refusal(refused: Refused) -> OkxError:
    """Put a refusal of the engine into the gateway's words."""
    return OkxError(refused.code, refused.message, sub_code=refused.sub_code)


def wrong(name: str) -> OkxError:
    """Refuse the value of a parameter."""
    return refusal(refuse(Code.PARAMETER_WRONG, name=name))
