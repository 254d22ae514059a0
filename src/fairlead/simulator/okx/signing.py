"""Who is calling: the signature over the raw request (OKX API v5)."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

import msgspec

from fairlead.simulator.okx.codes import GatewayCode, fault
from fairlead.simulator.okx.keys import ApiKey, KeyBook

SKEW_MAX_MS: Final = 30_000
"""A timestamp may be this far from the exchange's time."""

_LOGIN_TARGET: Final = "GET/users/self/verify"


class RawRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One HTTP request as it came.

    ``target`` is the path with the query exactly as sent, because that is what was signed; header names are lower case.
    """

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    address: str


def sign(secret: str, prehash: str) -> str:
    """Base64 of HMAC-SHA256 (OKX API v5)."""
    digest = hmac.new(secret.encode(), prehash.encode(), hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


def check_request(request: RawRequest, keys: KeyBook, now_ms: int) -> ApiKey:
    """Find out who sent a request.

    Raises:
        OkxError: 50100 to 50119, the first thing that is missing or wrong.
    """
    headers = request.headers
    name = _present(headers, "ok-access-key", GatewayCode.KEY_MISSING)
    passphrase = _present(headers, "ok-access-passphrase", GatewayCode.PHRASE_MISSING)
    signature = _present(headers, "ok-access-sign", GatewayCode.SIGN_MISSING)
    timestamp = _present(headers, "ok-access-timestamp", GatewayCode.TIMESTAMP_MISSING)
    if abs(_milliseconds(timestamp) - now_ms) > SKEW_MAX_MS:
        raise fault(GatewayCode.TIMESTAMP_EXPIRED)
    key = keys.find(name)
    if key is None:
        raise fault(GatewayCode.KEY_UNKNOWN)
    prehash = f"{timestamp}{request.method}{request.target}{request.body.decode('utf-8', 'replace')}"
    if not _same(sign(key.secret, prehash), signature):
        raise fault(GatewayCode.SIGN_WRONG)
    if not _same(key.passphrase, passphrase):
        raise fault(GatewayCode.PHRASE_WRONG)
    _check_use(key, request)
    return key


def check_login(key: ApiKey, *, passphrase: str, timestamp: str, signature: str, now_ms: int) -> GatewayCode | None:
    """Check the login of a WebSocket, whose timestamp is in seconds; returns what is wrong."""
    try:
        at_ms = int(float(timestamp) * 1000)
    except ValueError:
        return GatewayCode.TIMESTAMP_WRONG
    if abs(at_ms - now_ms) > SKEW_MAX_MS:
        return GatewayCode.TIMESTAMP_EXPIRED
    if not _same(sign(key.secret, f"{timestamp}{_LOGIN_TARGET}"), signature):
        return GatewayCode.SIGN_WRONG
    return None if _same(key.passphrase, passphrase) else GatewayCode.PHRASE_WRONG


def _check_use(key: ApiKey, request: RawRequest) -> None:
    if key.is_frozen:
        raise fault(GatewayCode.KEY_FROZEN)
    if key.addresses and request.address not in key.addresses:
        raise fault(GatewayCode.ADDRESS_REFUSED, address=request.address)
    is_demo = request.headers.get("x-simulated-trading", "") == "1"
    if key.is_demo is not None and key.is_demo is not is_demo:
        raise fault(GatewayCode.WRONG_ENVIRONMENT)


def _present(headers: Mapping[str, str], name: str, code: GatewayCode) -> str:
    value = headers.get(name, "")
    if not value:
        raise fault(code)
    return value


def _milliseconds(timestamp: str) -> int:
    try:
        moment = datetime.fromisoformat(timestamp)
    except ValueError:
        raise fault(GatewayCode.TIMESTAMP_WRONG) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp() * 1000)


def _same(expected: str, given: str) -> bool:
    return hmac.compare_digest(expected.encode(), given.encode())
