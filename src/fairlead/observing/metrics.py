"""What /metrics shows (docs/metrics.md): made from plain numbers when somebody asks, so that counting costs nothing."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Final

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from fairlead.observing.figures import DeskFigures, Figures, LimitFigures
from fairlead.observing.histogram import Histogram
from fairlead.observing.loop_lag import LoopLag
from fairlead.observing.path_watch import PathWatch
from fairlead.observing.watched_journal import WatchedJournal
from fairlead.observing.watched_web import ALERT_ROUTE, REFUSALS, WatchedWeb

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
PREFIX: Final = "fairlead_"
# Newest first would hide what matters: the oldest quotes are shown.
SYMBOLS_MAX: Final = 50

# Values of the labels, in their order -> the number.
Values = Mapping[Any, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gauge:
    """A number that another part of the house adds; ``name`` begins with ``fairlead_``."""

    name: str
    about: str
    read: Callable[[], float]


@dataclass(frozen=True, kw_only=True)
class Watched:
    """Everything that is measured."""

    path: PathWatch
    web: WatchedWeb
    journal: WatchedJournal
    loop: LoopLag
    figures: Callable[[], Figures]


class Metrics(Collector):
    """One registry of our own, so that no library adds to it. No series names a tenant, an account or a token."""

    def __init__(self, watched: Watched) -> None:
        """Show what is watched, and what the kernel says about the process."""
        self.gauges: list[Gauge] = []
        self._watched = watched
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)
        ProcessCollector(registry=self._registry)

    def render(self) -> bytes:
        """Write everything as Prometheus reads it."""
        return generate_latest(self._registry)

    def describe(self) -> Iterable[Metric]:
        """Nothing: names are checked by a test and not at every start."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Read everything once."""
        figures = self._watched.figures()
        build = {(version("fairlead"), platform.python_version()): 1.0}
        yield _gauge("build_info", "Which program this is.", build, ("version", "python"))
        yield _gauge("healthy", "1 while /health says so.", {(): figures.is_healthy})
        yield _gauge("ready", "1 while /ready says so.", {(): figures.is_ready})
        yield from self._alerts()
        yield from self._path(figures)
        yield from self._times()
        yield from self._journal(figures)
        yield from _desks(figures.desks)
        yield from _limits(figures.limits)
        yield from self._process(figures)
        for gauge in self.gauges:
            yield _gauge(gauge.name.removeprefix(PREFIX), gauge.about, {(): gauge.read()})

    def _alerts(self) -> Iterator[Metric]:
        tally, web = self._watched.path.tally, self._watched.web
        refused: dict[tuple[str, ...], float] = {}
        for (route, status_code), count in web.answers.items():
            if route == ALERT_ROUTE and status_code in REFUSALS:
                refused[(REFUSALS[status_code],)] = count
        answers: Values = {(route, str(code)): count for (route, code), count in web.answers.items()}
        yield _counter("alerts_received", "Alerts stored.", {(): tally.alerts_received})
        yield _counter("alerts", "Alerts handled.", _by_one(tally.verdicts), ("verdict",))
        yield _counter("alert_duplicates", "Alerts that were sent before.", {(): tally.duplicates})
        yield _counter("alert_calls_refused", "Calls that became no alert.", refused, ("reason",))
        yield _counter("answers", "Calls answered.", answers, ("route", "status"))

    def _path(self, figures: Figures) -> Iterator[Metric]:
        tally = self._watched.path.tally
        yield _counter("requests", "Requests that ended.", tally.requests, ("status", "reason"))
        yield _counter("orders", "What happened to orders.", _by_one(tally.orders), ("event",))
        yield _counter("fills", "Executions.", {(): tally.fills})
        yield _counter("drifts", "Differences to a venue found.", {(): tally.drifts})
        yield _counter("desk_rebuilds", "Accounts rebuilt after a halt.", {(): tally.rebuilds})
        yield _gauge("requests_unfinished", "Requests without an outcome.", {(): figures.requests_unfinished})
        limit = {(): figures.requests_unfinished_limit}
        yield _gauge("requests_unfinished_limit", "Beyond this senders get 429.", limit)
        yield _gauge("alerts_unhandled", "Alerts stored and without a verdict.", {(): figures.alerts_unhandled})
        oldest = sorted(figures.quote_ages_s.items(), key=lambda item: -item[1])[:SYMBOLS_MAX]
        ages: Values = {(symbol,): age_s for symbol, age_s in oldest}
        yield _gauge("quote_age_seconds", "Age of the newest quote; the oldest 50.", ages, ("symbol",))
        newest = min(figures.quote_ages_s.values(), default=0.0)
        about = "Instruments without a price for 15 s."
        yield _gauge("instruments_silent", about, {(): figures.instruments_silent})
        yield _gauge("quote_age_min_seconds", "Age of the newest quote of all.", {(): newest})

    def _times(self) -> Iterator[Metric]:
        path, web = self._watched.path, self._watched.web
        yield _histogram("answer_seconds", "From call to answer.", web.seconds, ("route",))
        yield _histogram("alert_seconds", "From call to the last thing that happened.", {(): path.alert_seconds})
        yield _histogram("alert_to_send_seconds", "From call to the venue.", {(): path.send_seconds})
        yield _histogram("step_seconds", "How long each step of an alert took.", path.steps, ("step",))
        about = "How long a venue took to answer."
        yield _histogram("venue_call_seconds", about, path.venue_calls, ("call", "outcome"))
        yield _gauge("timelines_open", "Alerts that are being timed.", {(): path.open})
        yield _counter("timelines_cut", "Alerts whose end was not waited for.", {(): path.cut})

    def _journal(self, figures: Figures) -> Iterator[Metric]:
        durable = self._watched.journal.durable_seconds
        yield _histogram("journal_durable_seconds", "From queueing a unit to its being on disk.", {(): durable})
        units = self._watched.path.tally.units
        yield _counter("journal_units", "Units that were answered.", _by_one(units), ("outcome",))
        yield _counter("journal_commits", "Transactions.", {(): figures.journal.commits})
        yield _counter("journal_rows", "Facts stored.", {(): figures.journal.rows})
        yield _gauge("journal_units_waiting", "Units not yet taken by the writer.", {(): figures.journal.units_waiting})

    def _process(self, figures: Figures) -> Iterator[Metric]:
        yield _histogram("loop_lag_seconds", "How late the event loop is.", {(): self._watched.loop.seconds})
        yield _gauge("tasks", "Tasks that run.", {(): figures.tasks})
        yield _counter("log_lines_dropped", "Log lines that nobody could wait for.", {(): figures.log_lines_dropped})
        yield _counter("log_lines_failed", "Log lines that could not be written.", {(): figures.log_lines_failed})
        yield _gauge("log_lines_waiting", "Log lines not written yet.", {(): figures.log_lines_waiting})


def _desks(figures: DeskFigures) -> Iterator[Metric]:
    yield _gauge("accounts", "Accounts.", figures.accounts, ("kind", "mode"))
    yield _gauge("accounts_halted", "Accounts that take no orders now.", {(): figures.accounts_halted})
    yield _gauge("accounts_in_drift", "Accounts that differ from their venue.", {(): figures.accounts_in_drift})
    protections = _by_one(figures.protections)
    yield _gauge("accounts_protected", "Who protects what accounts have open.", protections, ("protection",))
    yield _gauge("orders_open", "Orders that are not done.", _by_one(figures.orders_open), ("status",))
    yield _gauge("unknown_order_age_seconds", "Age of the oldest order in doubt.", {(): figures.unknown_age_s})
    yield _gauge("desk_requests_waiting", "Requests that no desk has decided yet.", {(): figures.requests_waiting})


def _limits(limits: Sequence[LimitFigures]) -> Iterator[Metric]:
    label = ("endpoint",)
    used: Values = {(one.endpoint,): one.used for one in limits}
    usable: Values = {(one.endpoint,): one.usable for one in limits}
    waiting: Values = {(one.endpoint,): one.waiting for one in limits}
    refused: Values = {(one.endpoint,): one.refused for one in limits}
    yield _gauge("venue_limit_used", "What counts now of a venue's rate limit; the fullest.", used, label)
    yield _gauge("venue_limit_usable", "How much of that limit we allow ourselves.", usable, label)
    yield _gauge("venue_limit_waiting", "Requests that wait for a venue's rate limit.", waiting, label)
    yield _counter("venue_limit_refusals", "Requests that a venue refused for its rate.", refused, label)


def _by_one(values: Mapping[str, float]) -> Values:
    return {(name,): value for name, value in values.items()}


def _counter(name: str, about: str, values: Values, labels: tuple[str, ...] = ()) -> Metric:
    family = CounterMetricFamily(PREFIX + name, about, labels=labels)
    # A copy, because what is counted goes on.
    for given, value in list(values.items()):
        family.add_metric(given, value)
    return family


def _gauge(name: str, about: str, values: Values, labels: tuple[str, ...] = ()) -> Metric:
    family = GaugeMetricFamily(PREFIX + name, about, labels=labels)
    for given, value in list(values.items()):
        family.add_metric(given, float(value))
    return family


def _histogram(
    name: str, about: str, histograms: Mapping[tuple[str, ...], Histogram], labels: tuple[str, ...] = ()
) -> Metric:
    family = HistogramMetricFamily(PREFIX + name, about, labels=labels)
    for given, histogram in list(histograms.items()):
        family.add_metric(given, histogram.cumulated(), histogram.total)
    return family
