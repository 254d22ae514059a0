"""How a fact becomes a journal row: its number, its version in its stream, and a hash over the row before it."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from typing import Final, NamedTuple

import msgspec

from fairlead.core.model.events import Event
from fairlead.ports import Fact, JournalRow
from fairlead.store.packing import pack, unpack

GENESIS_HASH: Final = bytes(32)

# seq, tenant, stream, version, kind, key, cause, at_ms, body, hash: the columns of the table, in its order.
StoredRow = tuple[int, str, str, int, str, str | None, str, int, bytes, bytes]
RowHead = tuple[int, str, str, int, str, str | None, str, int]

_encode: Final = msgspec.json.Encoder().encode
_decoder: Final[msgspec.json.Decoder[Event]] = msgspec.json.Decoder(Event)


def hash_row(previous: bytes, head: RowHead, body: bytes) -> bytes:
    """Digest a row together with the digest of the row before it."""
    # JSON delimits the head, so no two rows can be written with the same bytes.
    return sha256(previous + _encode(head) + body).digest()


def decode_row(row: StoredRow) -> JournalRow:
    """Read a stored row.

    Raises:
        msgspec.DecodeError: the body is not an event (ValidationError is one of them).
    """
    seq, tenant, stream, version, kind, key, cause, at_ms, body, _ = row
    return JournalRow(
        seq=seq,
        tenant=tenant,
        stream=stream,
        version=version,
        kind=kind,
        key=key,
        cause=cause,
        at_ms=at_ms,
        event=_decoder.decode(unpack(body)),
    )


class DamagedJournalError(RuntimeError):
    """The journal on disk contradicts itself."""


class Tip:
    """The end of the journal as it is on disk: last row and the version of every stream."""

    __slots__ = ("hash", "seq", "versions")

    def __init__(self, seq: int, last_hash: bytes, versions: dict[str, int]) -> None:
        """Hold what was read."""
        self.seq = seq
        self.hash = last_hash
        self.versions = versions


def make_tip(last: tuple[int, bytes] | None, heads: Iterable[tuple[str, int]]) -> Tip:
    """Join the last row (seq, hash), if there is one, and the version of every stream.

    Raises:
        DamagedJournalError: the streams do not add up to the rows.
    """
    seq, last_hash = last or (0, GENESIS_HASH)
    versions = dict(heads)
    # Every row is one version of one stream, and no number is ever left out.
    total = sum(versions.values())
    if total != seq:
        message = f"the journal ends at row {seq}, but its streams add up to {total} rows; run fairlead verify"
        raise DamagedJournalError(message)
    return Tip(seq, last_hash, versions)


class Mark(NamedTuple):
    """A point that a draft can go back to."""

    seq: int
    hash: bytes
    versions: dict[str, int]


class Draft:
    """Rows on their way to disk. Numbers are used up only when the draft is committed."""

    __slots__ = ("_tip", "hash", "seq", "versions")

    def __init__(self, tip: Tip) -> None:
        """Start right after the tip."""
        self._tip = tip
        self.seq = tip.seq
        self.hash = tip.hash
        self.versions: dict[str, int] = {}

    def add(self, facts: Iterable[Fact]) -> list[StoredRow]:
        """Number and hash facts.

        Raises:
            TypeError, ValueError, OverflowError: a fact that cannot be written down.
        """
        rows: list[StoredRow] = []
        versions = self.versions
        for fact in facts:
            event, stream = fact.event, fact.stream
            version = versions.get(stream)
            if version is None:
                version = self._tip.versions.get(stream, 0)
            kind = type(event).__name__
            head = (self.seq + 1, fact.tenant, stream, version + 1, kind, fact.key, fact.cause, fact.at_ms)
            body = pack(_encode(event))
            digest = sha256(self.hash + _encode(head) + body).digest()
            self.seq, self.hash, versions[stream] = head[0], digest, version + 1
            rows.append((*head, body, digest))
        return rows

    def mark(self) -> Mark:
        """Remember this point."""
        return Mark(self.seq, self.hash, dict(self.versions))

    def reset(self, mark: Mark) -> None:
        """Forget everything after the mark."""
        self.seq, self.hash, self.versions = mark.seq, mark.hash, dict(mark.versions)

    def new_streams(self) -> list[tuple[str, int]]:
        """Streams that begin with this draft, and their versions."""
        known = self._tip.versions
        return [(stream, version) for stream, version in self.versions.items() if stream not in known]

    def moved_streams(self) -> list[tuple[int, str, int]]:
        """Version now, stream, version on disk: of every stream that goes on."""
        known = self._tip.versions
        return [(version, stream, known[stream]) for stream, version in self.versions.items() if stream in known]

    def settle(self) -> None:
        """Make the tip what was committed."""
        self._tip.seq, self._tip.hash = self.seq, self.hash
        self._tip.versions.update(self.versions)
