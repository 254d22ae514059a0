"""Where finished timelines go, if anybody wants them: loaded only when it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Final, Protocol

from fairlead.observing.timeline import Timeline

EXPORTER: Final = "fairlead.observing.otel_export"


class TracingMissingError(Exception):
    """Traces are wanted, and what sends them is not installed."""


class SpanExport(Protocol):
    """Sends the spans of finished alerts somewhere else."""

    def send(self, timeline: Timeline) -> None:
        """Queue the spans of an alert; what finds no place is dropped."""
        ...

    def close(self) -> None:
        """Send what waits, for a while, and end (blocks)."""
        ...


def open_export(url: str) -> SpanExport:
    """Begin to send spans to a collector (OTLP over HTTP).

    Raises:
        TracingMissingError: the extra ``otel`` is not installed.
    """
    try:
        factory: Callable[[str], SpanExport] = import_module(EXPORTER).OtelExport
    except ModuleNotFoundError as error:
        message = f"otlp_url is set, but {error.name} is not installed: pip install 'fairlead[otel]'"
        raise TracingMissingError(message) from error
    return factory(url)
