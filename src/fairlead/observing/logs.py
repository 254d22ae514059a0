"""The way of every log line, ours or a library's: taken on the event loop, written by a thread of its own."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Final, TextIO

import structlog

from fairlead.observing.log_lines import LineWriter, LogFields
from fairlead.observing.redaction import Redactor
from fairlead.observing.rotating_file import RotatingFile

LINES_WAITING_MAX: Final = 10_000
BATCH_LINES_MAX: Final = 500
# Lines gather for so long: to wake a thread for each would cost whoever logs more than the line.
PAUSE_S: Final = 0.02
FLUSH_S_MAX: Final = 3.0
# A library's debug lines hold statements with their values: never shown, whatever our own level is.
LIBRARY_LEVEL: Final = logging.WARNING
FILE_BYTES_MAX: Final = 10_485_760
FILES_MAX: Final = 5

_stamp: Final = structlog.processors.TimeStamper(fmt="iso", utc=True)


@dataclass(frozen=True, kw_only=True)
class LogPlan:
    """What is logged, and where to. ``level`` is ``debug`` to ``error``; ``secrets`` are never written.

    The console is standard error: standard output is for what a command prints. The file is always JSON.
    """

    level: str = "info"
    is_json: bool = False
    file: Path | None = None
    file_bytes_max: int = FILE_BYTES_MAX
    files_max: int = FILES_MAX
    secrets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Flush:
    """Its place in the queue: everything before it is written."""

    is_last: bool
    done: threading.Event


class LogFileError(Exception):
    """The log file cannot be written."""


class LogPipeline:
    """Takes lines from any thread without waiting, and writes them in order. Beyond the limit it drops and counts."""

    def __init__(self, plan: LogPlan, console: TextIO | None = None) -> None:
        """Open the file, if there is one, and start the thread.

        Raises:
            LogFileError: the file cannot be written.
        """
        self.dropped = 0
        self.failed = 0
        self._plan = plan
        self._writer = LineWriter(Redactor(plan.secrets))
        self._console = console if console is not None else sys.stderr
        self._is_colored = not plan.is_json and self._console.isatty()
        self._file = _open_file(plan)
        self._told_dropped = 0
        self._ending = threading.Event()
        self._waiting: SimpleQueue[LogFields | _Flush] = SimpleQueue()
        self._thread: threading.Thread | None = threading.Thread(target=self._run, name="log-writer", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Lines not written yet."""
        return self._waiting.qsize()

    def take(self, fields: LogFields) -> None:
        """Accept a line; after ``stop`` it is written at once."""
        if self._thread is None:
            self._write([fields])
        elif self._waiting.qsize() >= LINES_WAITING_MAX:
            self.dropped += 1
        else:
            self._waiting.put(fields)

    def flush(self, *, is_last: bool = False) -> None:
        """Wait until everything is written that was taken, but never for long."""
        if self._thread is not None:
            flush = _Flush(is_last, threading.Event())
            self._waiting.put(flush)
            flush.done.wait(FLUSH_S_MAX)

    def stop(self) -> None:
        """Write what waits, and end the thread; what comes later is written by whoever brings it."""
        self._ending.set()
        self.flush(is_last=True)
        self._thread = None

    def close(self) -> None:
        """Stop, and close the file."""
        self.stop()
        if self._file is not None:
            self._file.close()
            self._file = None

    def _run(self) -> None:
        while True:
            batch, flush = self._gather()
            self._write(batch)
            if flush is not None:
                flush.done.set()
                if flush.is_last:
                    return
            if len(batch) < BATCH_LINES_MAX:
                self._ending.wait(PAUSE_S)

    def _gather(self) -> tuple[list[LogFields], _Flush | None]:
        batch: list[LogFields] = []
        item = self._waiting.get()
        while not isinstance(item, _Flush):
            batch.append(item)
            if len(batch) >= BATCH_LINES_MAX:
                return batch, None
            try:
                item = self._waiting.get_nowait()
            except Empty:
                return batch, None
        return batch, item

    def _write(self, batch: list[LogFields]) -> None:
        dropped = self.dropped - self._told_dropped
        if dropped:
            self._told_dropped += dropped
            line = {"level": "warning", "logger": "fairlead", "message": "log_lines_dropped", "lines": dropped}
            batch.append(_stamp(None, "", line))
        shown = [self._writer.show(fields) for fields in batch]
        as_json = [self._writer.write_json(fields) for fields in shown] if self._plan.is_json or self._file else []
        on_console = as_json
        if not self._plan.is_json:
            on_console = [self._writer.write_text(fields, is_colored=self._is_colored) for fields in shown]
        try:
            self._console.write(b"".join(on_console).decode("utf-8"))
            self._console.flush()
        except (OSError, ValueError):
            # Nobody reads it any more; the file may still be there.
            self.failed += len(batch)
        try:
            if self._file is not None:
                self._file.write(as_json)
        except (OSError, ValueError):
            self.failed += len(batch)


def _open_file(plan: LogPlan) -> RotatingFile | None:
    if plan.file is None:
        return None
    try:
        return RotatingFile(plan.file, bytes_max=plan.file_bytes_max, files_max=plan.files_max)
    except OSError as error:
        message = f"the log file {plan.file} cannot be written: {error.strerror or error}"
        raise LogFileError(message) from error


@contextmanager
def logging_to(plan: LogPlan, console: TextIO | None = None) -> Iterator[LogPipeline]:
    """Send everything that is logged, and every crash, through one pipeline; afterwards all is as it was.

    Raises:
        LogFileError: the log file cannot be written.
    """
    pipeline = LogPipeline(plan, console)
    before = structlog.get_config()
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, structlog.processors.add_log_level, _take_error, _stamp],
        wrapper_class=structlog.make_filtering_bound_logger(plan.level),
        logger_factory=lambda *names: _Entrance(pipeline, *names),
        cache_logger_on_first_use=False,
    )
    try:
        with _libraries_heard(pipeline), _crashes_heard(pipeline):
            yield pipeline
    finally:
        structlog.configure(**before)
        pipeline.close()


class _Entrance:
    """What structlog calls at the end: the fields are handed over, and written later."""

    def __init__(self, pipeline: LogPipeline, name: str = "fairlead") -> None:
        self._take = pipeline.take
        self._name = name

    def info(self, **fields: object) -> None:
        fields["message"] = fields.pop("event", "")
        fields["logger"] = self._name
        self._take(fields)

    debug = warning = error = critical = exception = info


def _take_error(_: object, __: str, fields: LogFields) -> LogFields:
    given = fields.pop("exc_info", None)
    found = sys.exc_info()[1] if given is True else given[1] if isinstance(given, tuple) else given
    if isinstance(found, BaseException):
        fields["error"] = found
    return fields


class _LibraryHandler(logging.Handler):
    """Brings what libraries log."""

    def __init__(self, pipeline: LogPipeline) -> None:
        super().__init__(LIBRARY_LEVEL)
        self._pipeline = pipeline

    def emit(self, record: logging.LogRecord) -> None:
        try:
            message = record.getMessage()
        except (TypeError, ValueError, KeyError):
            # The standard handler would print the values that do not fit, secrets and all.
            message = "a library's log line whose values do not fit its text"
        fields: LogFields = {
            "timestamp": _write_time(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": message,
        }
        if record.exc_info:
            fields["error"] = record.exc_info[1]
        self._pipeline.take(fields)


@contextmanager
def _libraries_heard(pipeline: LogPipeline) -> Iterator[None]:
    root = logging.getLogger()
    handler = _LibraryHandler(pipeline)
    level = root.level
    root.addHandler(handler)
    root.setLevel(LIBRARY_LEVEL)
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(level)


@contextmanager
def _crashes_heard(pipeline: LogPipeline) -> Iterator[None]:
    """Whatever ends a thread goes the same way, or Python would print it with every secret in it."""

    def tell_thread(crash: threading.ExceptHookArgs) -> None:
        name = crash.thread.name if crash.thread is not None else "?"
        pipeline.take(_crash_fields("thread_failed", crash.exc_value, thread=name))

    def tell_unraisable(crash: sys.UnraisableHookArgs) -> None:
        pipeline.take(_crash_fields("error_in_cleanup", crash.exc_value))

    before = threading.excepthook, sys.unraisablehook
    threading.excepthook = tell_thread
    sys.unraisablehook = tell_unraisable
    try:
        yield
    finally:
        threading.excepthook, sys.unraisablehook = before


def _crash_fields(message: str, error: BaseException | None, **more: object) -> LogFields:
    return _stamp(None, "", {"level": "error", "logger": "fairlead", "message": message, "error": error, **more})


def _write_time(at_s: float) -> str:
    """Write a moment as structlog does: `2026-11-21T03:02:01.123456Z`."""
    return datetime.fromtimestamp(at_s, tz=UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
