"""How the bodies of facts lie on disk: as JSON, and the long ones packed by what such bodies say again and again."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Final

import msgspec

PACKED_ABOVE_BYTES: Final = 1_000
"""Shorter bodies stay JSON: packing them costs more time than it saves disk."""
BODY_BYTES_MAX: Final = 64 * 1024 * 1024
"""No body is longer; one that unpacks to more is damaged."""

# The first byte of a packed body names its dictionary; JSON never begins with it. A dictionary can never be changed,
# because what it packed could not be read any more: a better one becomes number 2.
_FIRST: Final = b"\x01"
_DICTIONARY: Final = (Path(__file__).parent / "packing_1.json").read_bytes()
_LEVEL: Final = 3
# Raw deflate over a window of 8 KiB, which holds the dictionary and a body.
_WINDOW_BITS: Final = -13
_MEMORY_LEVEL: Final = 5
_PACKER: Final = zlib.compressobj(
    _LEVEL, zlib.DEFLATED, _WINDOW_BITS, _MEMORY_LEVEL, zlib.Z_DEFAULT_STRATEGY, _DICTIONARY
)


def pack(body: bytes) -> bytes:
    """Shorten a long JSON body; a short one stays as it is."""
    if len(body) <= PACKED_ABOVE_BYTES:
        return body
    # A copy of one that has read the dictionary is quicker than reading it again.
    packer = _PACKER.copy()
    return _FIRST + packer.compress(body) + packer.flush()


def unpack(body: bytes) -> bytes:
    """Give back the JSON of a body.

    Raises:
        msgspec.DecodeError: the body was not written by ``pack``.
    """
    if body[:1] != _FIRST:
        return body
    unpacker = zlib.decompressobj(_WINDOW_BITS, _DICTIONARY)
    try:
        plain = unpacker.decompress(body[1:], BODY_BYTES_MAX)
    except zlib.error as error:
        raise msgspec.DecodeError(f"a packed body cannot be unpacked: {error}") from error
    if not unpacker.eof:
        raise msgspec.DecodeError("a packed body has no end")
    return plain
