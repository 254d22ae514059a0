"""Hook tokens: 256 random bits, shown once, kept only as a digest."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Final

import msgspec

PREFIX: Final = "flh_"
RANDOM_BYTES: Final = 32
FINGERPRINT_BYTES: Final = 4


class DrawnToken(msgspec.Struct, frozen=True, kw_only=True):
    """A new token: ``text`` is for its owner's eyes only, once; ``digest`` and ``hint`` are kept.

    ``hint`` tells two tokens apart and is shown: the beginning of the digest, so no character of the token is in it.
    """

    text: str
    digest: bytes
    hint: str


def draw_token() -> DrawnToken:
    """Draw a new token."""
    text = PREFIX + secrets.token_urlsafe(RANDOM_BYTES)
    digest = hash_token(text)
    return DrawnToken(text=text, digest=digest, hint=f"sha256:{digest[:FINGERPRINT_BYTES].hex()}")


def hash_token(text: str) -> bytes:
    """Digest whatever was presented as a token; fast is enough, because 256 random bits cannot be guessed."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def equal_digests(one: bytes, other: bytes) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(one, other)


def draw_nonce() -> str:
    """Draw what tells two runs of a program apart."""
    return secrets.token_hex(8)
