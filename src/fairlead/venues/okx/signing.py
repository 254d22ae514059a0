"""Signs requests and logins (OKX API v5): the only place of this venue where keys are opened."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime
from typing import Final

import msgspec

from fairlead.core.model.secret import Secret

_LOGIN_TARGET: Final = "GET/users/self/verify"
_MS_PER_SECOND: Final = 1_000


class OkxKeys(msgspec.Struct, frozen=True, kw_only=True):
    """One API key as OKX gave it."""

    api_key: Secret
    api_secret: Secret
    passphrase: Secret


def sign(secret: Secret, prehash: str) -> str:
    """Base64 of HMAC-SHA256 (OKX API v5)."""
    digest = hmac.new(secret.reveal().encode(), prehash.encode(), hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


def sign_request(keys: OkxKeys, *, method: str, target: str, body: str, server_ms: int) -> dict[str, str]:
    """Headers of a private request. ``target`` is the path with the query exactly as it will be sent."""
    at = write_timestamp(server_ms)
    return {
        "OK-ACCESS-KEY": keys.api_key.reveal(),
        "OK-ACCESS-SIGN": sign(keys.api_secret, f"{at}{method}{target}{body}"),
        "OK-ACCESS-TIMESTAMP": at,
        "OK-ACCESS-PASSPHRASE": keys.passphrase.reveal(),
    }


def sign_login(keys: OkxKeys, *, server_ms: int) -> dict[str, str]:
    """The argument of a WebSocket login; its time is in whole seconds."""
    at = str(server_ms // _MS_PER_SECOND)
    return {
        "apiKey": keys.api_key.reveal(),
        "passphrase": keys.passphrase.reveal(),
        "timestamp": at,
        "sign": sign(keys.api_secret, f"{at}{_LOGIN_TARGET}"),
    }


def write_timestamp(server_ms: int) -> str:
    """UTC with milliseconds and a ``Z``, such as ``2026-01-05T10:11:12.345Z``."""
    whole, rest = divmod(server_ms, _MS_PER_SECOND)
    moment = datetime.fromtimestamp(whole, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{rest:03d}Z"
