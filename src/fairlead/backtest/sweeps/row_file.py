"""Rows on disk as they come, so that a sweep that was stopped goes on where it was."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import msgspec

from fairlead.backtest.sweeps.trials import Row, Trial
from fairlead.store.private_files import make_private_folder, open_private_file

ROWS_NAME: Final = "rows.jsonl"


class SweepInUseError(RuntimeError):
    """Another process is running the same sweep."""


class RowFile:
    """The rows of one sweep, one line each; the only writer of its file until it is closed.

    A trial that ended with a fault is kept on disk for whoever looks, and tried again by the next run.
    """

    def __init__(self, folder: Path) -> None:
        """Open or make the file, and read what is there.

        Raises:
            SweepInUseError: another process has it open.
            OSError: it cannot be read or written.
        """
        make_private_folder(folder)
        self.path = folder / ROWS_NAME
        self._descriptor = open_private_file(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._descriptor)
            message = f"the same sweep is running in another process ({self.path})"
            raise SweepInUseError(message) from error
        self.rows = self._read()

    def append(self, row: Row) -> None:
        """Keep a row."""
        # One write of one line at the end of the file: a reader or a crash sees it whole or not at all.
        os.write(self._descriptor, msgspec.json.encode(row) + b"\n")
        if row.figures is not None:
            self.rows[row.trial] = row

    def close(self) -> None:
        """Let others have it."""
        os.close(self._descriptor)

    def __enter__(self) -> Self:
        """Go on holding it."""
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        """Let others have it."""
        self.close()

    def _read(self) -> dict[Trial, Row]:
        content = self.path.read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            # The machine went down in the middle of a line.
            os.ftruncate(self._descriptor, whole)
        decoder = msgspec.json.Decoder(Row)
        rows: dict[Trial, Row] = {}
        for line in content[:whole].splitlines():
            try:
                row = decoder.decode(line)
            except msgspec.MsgspecError:
                continue
            if row.figures is not None:
                rows[row.trial] = row
        return rows
