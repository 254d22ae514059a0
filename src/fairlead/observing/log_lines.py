"""Turns what was logged into a line: JSON for machines, words for people; without secrets either way."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any, Final

import msgspec
import structlog

from fairlead.observing.redaction import Redactor

LogFields = MutableMapping[str, Any]

_FIRST: Final = ("timestamp", "level", "logger", "message")
_encode: Final = msgspec.json.Encoder().encode
# Else whoever chooses a text that is logged could write lines of their own, or give orders to a terminal.
_CONTROL_SIGNS: Final = {number: f"\\x{number:02x}" for number in (*range(32), *range(127, 160))}


class LineWriter:
    """Makes lines of log fields. ``message`` says what happened; ``error`` is an exception with its traceback."""

    def __init__(self, redactor: Redactor) -> None:
        """Take secrets out with this."""
        self._redactor = redactor
        self._console = {
            is_colored: structlog.dev.ConsoleRenderer(
                colors=is_colored,
                event_key="message",
                sort_keys=False,
                exception_formatter=structlog.dev.plain_traceback,
            )
            for is_colored in (False, True)
        }

    def show(self, fields: Mapping[str, object]) -> LogFields:
        """The fields as anybody may see them."""
        try:
            return self._show(fields)
        except (TypeError, ValueError, AttributeError, LookupError, RuntimeError) as error:
            # A value that changed meanwhile, or cannot be written: the other lines must not suffer.
            return {"level": "error", "message": "log_line_not_shown", "error": type(error).__name__}

    def _show(self, fields: Mapping[str, object]) -> LogFields:
        shown: dict[str, Any] = {name: fields[name] for name in ("timestamp", "level") if name in fields}
        shown |= self._redactor.redact_fields({name: fields[name] for name in fields if name not in shown})
        error = fields.get("error")
        if isinstance(error, BaseException):
            shown["error"] = self._redactor.redact(error)
            shown["exception"] = self._redactor.format_error(error)
        return shown

    def write_json(self, shown: LogFields) -> bytes:
        """One JSON object and the end of the line."""
        first = {name: shown[name] for name in _FIRST if name in shown}
        return _encode({**first, **shown}) + b"\n"

    def write_text(self, shown: LogFields, *, is_colored: bool) -> bytes:
        """One line for people, and below it the traceback if there is one."""
        plain = {name: _escape(value) for name, value in shown.items() if name != "exception"}
        line = self._console[is_colored](None, "", plain)
        traceback = shown.get("exception")
        below = [f"  {_escape(part)}" for part in traceback.splitlines()] if isinstance(traceback, str) else []
        return "\n".join([str(line), *below, ""]).encode()


def _escape(value: object) -> object:
    return value.translate(_CONTROL_SIGNS) if isinstance(value, str) else value
