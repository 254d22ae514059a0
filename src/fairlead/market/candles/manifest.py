"""What is known of a series beside its rows, and who may write it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Final

import msgspec

from fairlead.market.candles.file_swap import replace_file
from fairlead.market.candles.spans import Span

MANIFEST_NAME: Final = "series.json"
LOCK_NAME: Final = "series.lock"


class CandleFileError(ValueError):
    """A file below the candles folder is not what was written there."""


class SeriesBusyError(RuntimeError):
    """Another process writes this series."""


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """The finest price step of a series, where it came from last, and which times were asked for."""

    tick: Decimal = Decimal(1)
    source: str = ""
    fetched: tuple[Span, ...] = ()


def read_manifest(folder: Path) -> Manifest:
    """Read the one of a folder; an empty one where there is none.

    Raises:
        CandleFileError: the file is damaged.
    """
    path = folder / MANIFEST_NAME
    try:
        return msgspec.json.decode(path.read_bytes(), type=Manifest)
    except FileNotFoundError:
        return Manifest()
    except msgspec.DecodeError as error:
        raise CandleFileError(f"{path} is damaged: {error}") from None


def write_manifest(folder: Path, known: Manifest, manifest: Manifest) -> None:
    """Write it where it says something new.

    Raises:
        OSError: the disk refused.
    """
    if manifest != known:
        content = msgspec.json.format(msgspec.json.encode(manifest), indent=2)
        replace_file(folder / MANIFEST_NAME, lambda path: path.write_bytes(content))


@contextmanager
def only_writer(folder: Path, what: str) -> Iterator[None]:
    """Be the only process that writes in a folder, which is made where it is not there.

    Raises:
        SeriesBusyError: somebody else does.
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SeriesBusyError(f"another process is writing {what}: wait for it, or stop it") from None
        yield
    finally:
        os.close(descriptor)
