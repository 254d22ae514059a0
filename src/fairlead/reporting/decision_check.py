"""Makes each decision that bots made in a stretch of time again, from the journal alone, and names what differs."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from hashlib import blake2b
from typing import Final, NamedTuple

import msgspec

from fairlead.core.model.bots.bot import BotState, Settings
from fairlead.core.model.bots.events import BotConfigured, BotDecided, BotNoted, BotTerms
from fairlead.core.model.events import OrderRequested
from fairlead.core.model.request import OrderRequest, SourceKind
from fairlead.core.rules.bots.rederiving import Difference, answer_of, find_differences, rederive, renote
from fairlead.core.rules.bots.rules import FindRule, Rule, make_rule, no_rules
from fairlead.ports import JournalRow
from fairlead.reporting.times import time_text
from fairlead.store.databases.contract import SnapshotReader
from fairlead.store.databases.opening import open_snapshot
from fairlead.store.packing import unpack
from fairlead.store.rows import StoredRow, decode_row

PAGE_ROWS: Final = 1_000
DIFFERENCES_MAX: Final = 100
"""So many are named; all are counted."""

RULES_KEPT_MAX: Final = 1_000
VALUE_LENGTH_MAX: Final = 200
_DECIDED, _NOTED, _CONFIGURED, _REQUESTED = (
    kind.__name__ for kind in (BotDecided, BotNoted, BotConfigured, OrderRequested)
)
_TERMS: Final = b'"terms":{'
_KINDS: Final = frozenset({_DECIDED, _NOTED, _CONFIGURED, _REQUESTED})

Progress = Callable[[int, int], None]


class DecisionDifference(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is not in the journal as it must be; ``path`` leads to the field, values are as people read them.

    ``seq`` is the row of the journal.
    """

    bot: str
    at_ms: int
    seq: int
    path: str
    journaled: str = ""
    rederived: str = ""

    def text(self, names: Mapping[str, str]) -> str:
        """As a sentence; ``names`` are what people call bots, by id."""
        place = f"bot {names.get(self.bot, self.bot)}, {time_text(self.at_ms)}, journal row {self.seq}, {self.path}"
        if not self.journaled and not self.rederived:
            return place
        return f"{place}: journaled {self.journaled}, re-derived {self.rederived}"


class Heard(msgspec.Struct, frozen=True):
    """A decision with all that it was made of; ``before`` is None for a bot's first."""

    before: BotState | None
    decided: BotDecided
    settings: Settings
    terms: BotTerms


class Standing(msgspec.Struct, frozen=True):
    """A bot that said nothing in the stretch, as it stood before."""

    state: BotState
    settings: Settings
    terms: BotTerms


class DecisionReport(msgspec.Struct, frozen=True, kw_only=True):
    """What was decided again, and what of it differs.

    ``unchecked`` are decisions of an older version, which did not write down everything that they depended on.
    ``digest`` is one hash over every answer as the journal has it: equal on every machine that has the same journal.
    ``differing`` counts differences, of which the first are named.
    """

    rows: int
    bots: int
    decisions: int
    unchecked: int
    digest: str
    differing: int
    differences: tuple[DecisionDifference, ...]


def check_decisions(
    url: str,
    begin_ms: int,
    end_ms: int,
    *,
    find_rule: FindRule = no_rules,
    progress: Progress | None = None,
    hear: Callable[[Heard | Standing], None] | None = None,
) -> DecisionReport:
    """Decide again what bots decided in [``begin_ms``, ``end_ms``), and compare; blocks.

    ``progress`` hears (rows read, rows in all); ``hear`` every decision that could be made again, and in the end the
    bots that decided nothing. It reads one moment of the database, a page at a time, and keeps one
    state for each bot, so it may run beside a server. A difference is told once: the next decision begins from what
    the journal says.

    Raises:
        UnsupportedDatabaseError: not a database for us.
        msgspec.DecodeError: a row cannot be read.
        Exception: what the driver says when the database is not there, was not migrated, or refused.
    """
    check = DecisionCheck(begin_ms, end_ms, find_rule, hear or _ignore)
    with closing(open_snapshot(url)) as snapshot:
        total = snapshot.read_number("SELECT count(*) FROM journal")
        for row in _read_rows(snapshot, lambda seq: None if progress is None else progress(seq, total)):
            check.take(row)
    if hear is not None:
        for standing in check.standing():
            hear(standing)
    return check.report()


def _ignore(_heard: Heard | Standing) -> None:
    pass


def _read_rows(snapshot: SnapshotReader, say: Callable[[int], None]) -> Iterator[StoredRow]:
    seq = 0
    while page := snapshot.read_page(seq, PAGE_ROWS):
        yield from page
        seq = page[-1][0]
        say(seq)


class _Known(msgspec.Struct):
    """What the journal has said of one bot so far; rows from before the stretch are read when they are needed."""

    stored: StoredRow | None = None
    stood: StoredRow | None = None
    state: BotState | None = None
    terms: StoredRow | BotTerms | None = None
    settings: dict[int, StoredRow | Settings] = {}


class _Kept(NamedTuple):
    rule: Rule
    settings: Settings
    terms: BotTerms


class DecisionCheck:
    """Takes the rows of a journal in their order."""

    def __init__(
        self, begin_ms: int, end_ms: int, find_rule: FindRule, hear: Callable[[Heard | Standing], None]
    ) -> None:
        """Begin before the first row."""
        self._hear = hear
        self._begin_ms, self._end_ms = begin_ms, end_ms
        self._find_rule = find_rule
        self._known: dict[str, _Known] = {}
        self._rules: OrderedDict[str, _Kept] = OrderedDict()
        # Requests that were decided again and must follow in the journal, by their ids.
        self._due: dict[str, tuple[JournalRow, OrderRequest]] = {}
        self._bots: set[str] = set()
        self._rows = self._decisions = self._unchecked = self._differing = 0
        self._named: list[DecisionDifference] = []
        self._digest = blake2b(digest_size=16)

    def take(self, row: StoredRow) -> None:
        """Take one row.

        Raises:
            msgspec.DecodeError: it cannot be read.
        """
        self._rows += 1
        kind, at_ms = row[4], row[7]
        if kind not in _KINDS:
            return
        if kind == _REQUESTED:
            if self._begin_ms <= at_ms < self._end_ms:
                self._take_request(decode_row(row))
            return
        self._miss_requests()
        known = self._known.setdefault(row[2], _Known(settings={}))
        if kind == _CONFIGURED:
            # The key is the bot's id, a colon and the version of the settings.
            known.settings[int(str(row[5]).rpartition(":")[2])] = row
        elif self._begin_ms <= at_ms < self._end_ms:
            self._take_word(decode_row(row), known)
        else:
            self._pass_over(row, known)

    def report(self) -> DecisionReport:
        """What came of it."""
        self._miss_requests()
        return DecisionReport(
            rows=self._rows,
            bots=len(self._bots),
            decisions=self._decisions,
            unchecked=self._unchecked,
            digest=self._digest.hexdigest(),
            differing=self._differing,
            differences=tuple(self._named),
        )

    def standing(self) -> Iterator[Standing]:
        """Bots that said nothing in the stretch, as far as it is known what they went by."""
        for stream, known in self._known.items():
            if known.stood is None or stream in self._bots:
                continue
            state, terms = _event_of(known.stood).state, _terms_of(known)
            settings = _settings_of(known, state.settings_version)
            if settings is not None and terms is not None:
                yield Standing(state, settings, terms)

    def _pass_over(self, row: StoredRow, known: _Known) -> None:
        """A word from before or after the stretch: only how it leaves the bot matters."""
        known.stored = row
        if row[7] < self._begin_ms:
            known.stood = row
        if row[4] == _DECIDED and _TERMS in unpack(row[8]):
            known.terms = row

    def _take_word(self, row: JournalRow, known: _Known) -> None:
        before, event = _state_of(known), row.event
        self._bots.add(row.stream)
        known.stored = None
        if isinstance(event, BotDecided):
            known.state, known.terms = event.state, event.terms or _terms_of(known)
            self._take_decision(row, event, known, before)
        elif isinstance(event, BotNoted):
            known.state = event.state
            if before is not None:
                self._tell(row, find_differences(event.state, renote(before, event), "state"))

    def _take_decision(self, row: JournalRow, event: BotDecided, known: _Known, before: BotState | None) -> None:
        self._decisions += 1
        answer = answer_of(event)
        digest = answer.digest
        self._digest.update(digest.encode())
        terms = _terms_of(known)
        if terms is None:
            self._unchecked += 1
            return
        settings = _settings_of(known, event.state.settings_version)
        missing = _find_missing(event, settings, before)
        if missing or settings is None:
            self._say(row, missing)
            return
        try:
            rule = self._find(row.stream, settings, terms)
            again = rederive(before, event, rule, settings, terms.instrument)
        except (ArithmeticError, AssertionError, LookupError, TypeError, ValueError) as error:
            self._say(row, f"cannot be decided again: {type(error).__name__}: {error}")
            return
        self._hear(Heard(before, event, settings, terms))
        if again.answer.digest != digest:
            self._tell(row, find_differences(answer, again.answer))
        for request in again.requests:
            self._due[request.request_id] = (row, request)

    def _find(self, stream: str, settings: Settings, terms: BotTerms) -> Rule:
        kept = self._rules.get(stream)
        if kept is None or kept.settings is not settings or kept.terms is not terms:
            rule = make_rule(settings, terms.instrument, terms.fee_rates, self._find_rule)
            kept = self._rules[stream] = _Kept(rule, settings, terms)
            if len(self._rules) > RULES_KEPT_MAX:
                self._rules.popitem(last=False)
        self._rules.move_to_end(stream)
        return kept.rule

    def _take_request(self, row: JournalRow) -> None:
        event = row.event
        assert isinstance(event, OrderRequested), row
        request = event.request
        _, due = self._due.pop(request.request_id, (None, None))
        if due is not None:
            self._tell(row, find_differences(request, due, f"request {request.request_id}"))
        elif request.source_kind is SourceKind.BOT and not self._unchecked:
            self._say(row, f"request {request.request_id}: no bot decides it again")

    def _miss_requests(self) -> None:
        """Requests are stored right after their decision, so what is still due when a bot speaks next is missing."""
        for name, (row, _) in self._due.items():
            self._say(row, f"request {name}: decided again, and not in the journal")
        self._due.clear()

    def _tell(self, row: JournalRow, differences: Iterator[Difference]) -> None:
        for one in differences:
            self._say(row, one.path, _cut(one.journaled), _cut(one.rederived))

    def _say(self, row: JournalRow, path: str, journaled: str = "", rederived: str = "") -> None:
        self._differing += 1
        if len(self._named) < DIFFERENCES_MAX:
            # The cause of a bot's facts is its id, a colon and the decision's number.
            bot = row.cause.rpartition(":")[0]
            self._named.append(
                DecisionDifference(
                    bot=bot, at_ms=row.at_ms, seq=row.seq, path=path, journaled=journaled, rederived=rederived
                )
            )


def _state_of(known: _Known) -> BotState | None:
    if known.stored is not None:
        return _event_of(known.stored).state
    return known.state


def _event_of(row: StoredRow) -> BotDecided | BotNoted:
    event = decode_row(row).event
    assert isinstance(event, BotDecided | BotNoted), row
    return event


def _terms_of(known: _Known) -> BotTerms | None:
    if isinstance(known.terms, tuple):
        event = decode_row(known.terms).event
        assert isinstance(event, BotDecided), known.terms
        known.terms = event.terms
    return known.terms


def _settings_of(known: _Known, version: int) -> Settings | None:
    found = known.settings.get(version)
    if isinstance(found, tuple):
        event = decode_row(found).event
        assert isinstance(event, BotConfigured), found
        found = event.settings
        # Of older ones nothing is asked any more.
        known.settings = {one: row for one, row in known.settings.items() if one > version} | {version: found}
    return found


def _find_missing(event: BotDecided, settings: Settings | None, before: BotState | None) -> str:
    if settings is None:
        return f"settings: version {event.state.settings_version} is not in the journal"
    if before is None and event.state.version != 1:
        return f"state.version: journaled {event.state.version}, the decision before it is not in the journal"
    return ""


def _cut(text: str) -> str:
    return text if len(text) <= VALUE_LENGTH_MAX else f"{text[:VALUE_LENGTH_MAX]}..."
