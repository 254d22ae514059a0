"""A log file that starts anew when it is full, and keeps the last few."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

from fairlead.store.private_files import FOLDER_MODE, open_private_file


class RotatingFile:
    """Appends lines; `fairlead.log.1` is the file before, `.2` the one before that. One thread writes.

    A log names accounts and addresses, so it is for its owner alone.
    """

    def __init__(self, path: Path, *, bytes_max: int, files_max: int) -> None:
        """Open it, with its folder; of ``files_max`` files one is written.

        Raises:
            NotPrivateError: a link stands in its place.
            OSError: it cannot be written.
        """
        self._path = path
        self._bytes_max = bytes_max
        self._files_max = files_max
        path.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        self._file, self._size = self._open()

    def write(self, lines: list[bytes]) -> None:
        """Append whole lines; none is ever divided between two files.

        Raises:
            OSError: the disk refused.
        """
        for line in lines:
            if self._size and self._size + len(line) > self._bytes_max:
                self._rotate()
            self._file.write(line)
            self._size += len(line)
        self._file.flush()

    def close(self) -> None:
        """Write what is left."""
        self._file.close()

    def _open(self) -> tuple[BinaryIO, int]:
        number = open_private_file(self._path, os.O_WRONLY | os.O_APPEND)
        return os.fdopen(number, "ab"), os.fstat(number).st_size

    def _rotate(self) -> None:
        self._file.close()
        for number in range(self._files_max - 1, 0, -1):
            older = self._numbered(number - 1)
            if older.exists():
                older.replace(self._numbered(number))
        if self._files_max == 1:
            self._path.unlink()
        self._file, self._size = self._open()

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}") if number else self._path
