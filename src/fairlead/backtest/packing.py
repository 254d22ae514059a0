"""Columns of numbers in few bytes: differences, equal bytes beside one another, deflated; a browser reads them, too."""

from __future__ import annotations

import zlib
from typing import Final

import numpy as np

from fairlead.market.candles.series import Floats, Ticks

FAST: Final = 1
"""Level of zlib: higher ones take three times as long for a tenth less."""
_PLANES: Final = 8
_BYTE: Final = 8


def pack_ints(column: Ticks) -> bytes:
    """Whole numbers as they are: one byte that says how many bytes each takes, then all lowest bytes, and so on.

    A negative number is folded to an odd one, so that small numbers have zeros on top.
    """
    folded = np.where(column < 0, -2 * column - 1, 2 * column).astype("<u8")
    highest = int(folded.max(initial=0))
    width = max(1, (highest.bit_length() + _BYTE - 1) // _BYTE)
    planes = np.ascontiguousarray(folded.view(np.uint8).reshape(-1, _PLANES)[:, :width].T)
    # What repeats in a plane are runs of one byte: to look for anything longer takes twice the time and finds less.
    deflate = zlib.compressobj(FAST, zlib.DEFLATED, zlib.MAX_WBITS, zlib.DEF_MEM_LEVEL, zlib.Z_RLE)
    return bytes([width]) + deflate.compress(planes.tobytes()) + deflate.flush()


def unpack_ints(packed: bytes) -> Ticks:
    """The same again.

    Raises:
        ValueError: these are no packed numbers.
    """
    try:
        width, plain = packed[0], np.frombuffer(zlib.decompress(packed[1:]), dtype=np.uint8)
        planes = plain.reshape(width, -1)
    except (IndexError, ValueError, zlib.error) as error:
        message = f"no packed numbers: {error}"
        raise ValueError(message) from error
    wide = np.zeros((planes.shape[1], _PLANES), dtype=np.uint8)
    wide[:, :width] = planes.T
    folded = wide.reshape(-1).view("<u8")
    return np.where(folded & 1, -((folded >> 1).astype(np.int64)) - 1, (folded >> 1).astype(np.int64))


def pack_steps(column: Ticks) -> bytes:
    """Numbers that go in small steps: the first one, and what each differs from the one before."""
    return pack_ints(np.diff(column, prepend=0))


def unpack_steps(packed: bytes) -> Ticks:
    """The same again.

    Raises:
        ValueError: these are no packed numbers.
    """
    return np.cumsum(unpack_ints(packed))


def to_units(values: Floats, unit: float) -> Ticks:
    """Numbers as whole multiples of a unit, to the nearest."""
    return np.rint(values / unit).astype(np.int64)
