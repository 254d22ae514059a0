"""What came back from OKX, as values: an answer, a refusal, nobody knows, or never sent."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final, Generic, TypeVar

import msgspec

from fairlead.core.model.reports import Rejected, Unknown

T = TypeVar("T")

ORDER_UNKNOWN: Final = "51603"
CLIENT_ID_EXISTS: Final = frozenset({"51016", "50071"})
CLOCK_OFF: Final = "50102"
ACCOUNT_RATE: Final = "50061"
BATCH_FAILED: Final = "54004"
"""Another order of the batch failed, and none of it was done."""

NOTHING_TO_CANCEL: Final = frozenset({"51400", "51401", "51402", "51405", "51410", "51503", "51509", "51510", "51603"})
"""A cancel that came too late, or for what is not there: the order itself tells which."""

NOT_SENT: Final = "not_sent"
NOT_SENT_RETRY_MS: Final = 500


class CodeTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``codes.toml``: which codes leave us in the dark, which pass by themselves, which need a person."""

    unknown: frozenset[str]
    retry_after_ms: dict[str, int]
    stop: dict[str, str]


def load_codes() -> CodeTable:
    """Read the table that comes with the venue."""
    text = (files("fairlead.venues.okx") / "codes.toml").read_text(encoding="utf-8")
    return msgspec.convert(tomllib.loads(text), CodeTable)


CODES: Final = load_codes()


@dataclass(frozen=True, slots=True)
class Answered(Generic[T]):
    """OKX answered with rows; a row with its own ``sCode`` may still be a refusal."""

    rows: tuple[T, ...]


@dataclass(frozen=True, slots=True)
class Refused:
    """OKX said no: this was certainly not done."""

    code: str
    message: str

    def as_rejected(self) -> Rejected:
        """In the words of the port."""
        advice = CODES.stop.get(self.code)
        message = self.message if advice is None else f"{self.message} ({advice})"
        return Rejected(code=self.code, message=message, retry_after_ms=CODES.retry_after_ms.get(self.code, 0))


@dataclass(frozen=True, slots=True)
class Lost:
    """It may have been done or not."""

    message: str


@dataclass(frozen=True, slots=True)
class NotSent:
    """It never left us, so it was certainly not done."""

    message: str

    def as_rejected(self) -> Rejected:
        """In the words of the port; it may be sent again."""
        return Rejected(code=NOT_SENT, message=self.message, retry_after_ms=NOT_SENT_RETRY_MS)


Failure = Refused | Lost | NotSent
Reply = Answered[T] | Failure


class Envelope(msgspec.Struct, frozen=True):
    """What every answer of OKX is wrapped in."""

    code: str
    msg: str = ""
    data: msgspec.Raw = msgspec.Raw(b"[]")


class Ack(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The answer to one item of a request; ``sCode`` 0 says that the gateway took it, nothing more."""

    ord_id: str = ""
    cl_ord_id: str = ""
    algo_id: str = ""
    algo_cl_ord_id: str = ""
    tag: str = ""
    ts: str = ""
    s_code: str = "0"
    s_msg: str = ""
    sub_code: str = ""


_ENVELOPE: Final = msgspec.json.Decoder(Envelope)
_OK: Final = "0"
_WITH_ROWS: Final = frozenset({"0", "1", "2"})
_SERVER_FAULT: Final = 500


def read_answer(status: int, body: bytes, row: type[T]) -> Reply[T]:
    """Classify one HTTP answer.

    Unknown are any 5xx, whatever is not JSON or not of the expected form, and the codes of ``codes.toml``: all else
    with a code is a definite refusal (OKX API v5).
    """
    try:
        envelope = _ENVELOPE.decode(body)
    except (msgspec.DecodeError, msgspec.ValidationError):
        return Lost(f"OKX answered with status {status} and something that is not JSON")
    if status >= _SERVER_FAULT:
        return Lost(f"OKX answered {envelope.code} with status {status}: {envelope.msg}")
    return read_envelope(envelope, row)


def read_envelope(envelope: Envelope, row: type[T]) -> Reply[T]:
    """Classify what was in the envelope of an HTTP answer or of a reply over a socket."""
    if envelope.code in CODES.unknown:
        return Lost(f"OKX answered {envelope.code}: {envelope.msg}")
    if envelope.code not in _WITH_ROWS:
        return Refused(envelope.code, envelope.msg)
    try:
        rows = msgspec.json.decode(envelope.data, type=tuple[row, ...])  # type: ignore[valid-type]
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        return Lost(f"OKX answered in a form that is not known: {error}")
    if not rows and envelope.code != _OK:
        return Refused(envelope.code, envelope.msg)
    return Answered(rows)


def read_ack(reply: Reply[Ack]) -> Ack | Failure:
    """The one item of a single request: its own code decides."""
    if not isinstance(reply, Answered):
        return reply
    if not reply.rows:
        return Lost("OKX answered without saying what became of the order")
    return _read_row(reply.rows[0])


def read_acks(reply: Reply[Ack], count: int) -> Sequence[Ack | Failure]:
    """What became of each of ``count`` items, in the order of the request: OKX answers in the same."""
    if not isinstance(reply, Answered):
        return [reply] * count
    if len(reply.rows) != count:
        return [Lost(f"OKX answered about {len(reply.rows)} of {count} orders")] * count
    return [_read_row(row) for row in reply.rows]


def _read_row(ack: Ack) -> Ack | Failure:
    if ack.s_code in CODES.unknown:
        return Lost(f"OKX answered {ack.s_code}: {ack.s_msg}")
    return ack if ack.s_code == _OK else Refused(ack.s_code, ack.s_msg)


def as_unknown(failure: Failure) -> Unknown:
    """A question that was not answered."""
    match failure:
        case Refused():
            return Unknown(message=f"OKX answered {failure.code}: {failure.message}")
        case Lost() | NotSent():
            return Unknown(message=failure.message)


def as_rejected(failure: Failure) -> Rejected | Unknown:
    """What became of something that was to be done."""
    return Unknown(message=failure.message) if isinstance(failure, Lost) else failure.as_rejected()


def write_query(query: Mapping[str, str]) -> str:
    """Parameters as they are sent and signed; values of OKX need no escaping."""
    return "&".join(f"{name}={value}" for name, value in query.items() if value)


def write_body(body: Any) -> str:  # noqa: ANN401  # whatever becomes JSON
    """A body exactly as it is sent and signed."""
    return msgspec.json.encode(body).decode()
