"""What must hold for every body that anybody may send, and how long it may take to find out."""

from __future__ import annotations

import json
import time
from typing import Final

from msgspec.structs import replace

from fairlead.sources.webhook.alert import Alert, Malformed
from fairlead.sources.webhook.decode import decode_alert
from fairlead.sources.webhook.duplicates import DuplicateName, name_duplicates
from fairlead.sources.webhook.json_text import JsonObject, NumberText, parse_body
from fairlead.sources.webhook.redact import blank_token
from tests.fuzz.bodies import TOKEN

CPU_S_MAX: Final = 5.0
"""Of the processor's time, not of the clock's; many times what the largest body takes: only a hang reaches it."""
NOW_MS: Final = 1_770_000_000_000
REPLY_BYTES_MAX: Final = 65_536


def judge(raw: bytes, *, strict_fields: bool = False) -> Alert | Malformed:
    """Read a body as the hook does, and check everything that is promised about the outcome.

    Raises:
        AssertionError: a promise is broken; the message holds the body.
    """
    begun_s = time.thread_time()
    body = parse_body(raw)
    outcome = body if isinstance(body, Malformed) else _decode(body, strict_fields=strict_fields)
    if not isinstance(body, Malformed):
        _check_blanked(raw)
    took_s = time.thread_time() - begun_s
    assert took_s < CPU_S_MAX, (took_s, raw)
    match outcome:
        case Malformed():
            _check_refusal(outcome, raw)
        case Alert():
            assert isinstance(body, dict)
            _check_alert(outcome, body, raw, strict_fields=strict_fields)
    return outcome


def _decode(body: JsonObject, *, strict_fields: bool) -> Alert | Malformed:
    secrets = {TOKEN, str(body.get("authToken", ""))}
    return decode_alert(body, strict_fields=strict_fields, secrets=secrets)


def _check_refusal(refusal: Malformed, raw: bytes) -> None:
    assert refusal.error, raw
    assert refusal.details, raw
    assert all(detail.field and detail.rule for detail in refusal.details), (refusal, raw)
    said = " ".join([refusal.error, *(f"{part.field} {part.value} {part.rule}" for part in refusal.details)])
    assert TOKEN not in said, (refusal, raw)
    assert len(said.encode()) <= REPLY_BYTES_MAX, (len(said), raw)


def _check_alert(alert: Alert, body: JsonObject, raw: bytes, *, strict_fields: bool) -> None:
    again = parse_body(write_canonical(body).encode())
    assert not isinstance(again, Malformed), (again, raw)
    repeated = _decode(again, strict_fields=strict_fields)
    assert isinstance(repeated, Alert), (repeated, raw)
    # Remarks name unknown fields in the order of the body, and show only the first of many.
    assert replace(alert, warnings=()) == replace(repeated, warnings=()), raw
    assert _name(alert) == _name(repeated), raw
    assert TOKEN not in " ".join(alert.warnings).encode().decode(), raw


def _name(alert: Alert) -> DuplicateName:
    return name_duplicates(alert, hook_id="h", symbol="BTC-USDT", received_ms=NOW_MS)


def _check_blanked(raw: bytes) -> None:
    blanked = blank_token(raw, TOKEN)
    assert len(blanked) == len(raw), raw
    # Not by our own reader, and without its limit on the length of a number.
    assert TOKEN not in json.dumps(json.loads(blanked, parse_int=str)), raw


def write_canonical(value: object) -> str:
    """One spelling of a body: names in order, no spaces, numbers as they were written."""
    match value:
        case NumberText():
            return str(value)
        case dict():
            return "{" + ",".join(f"{json.dumps(name)}:{write_canonical(value[name])}" for name in sorted(value)) + "}"
        case list():
            return "[" + ",".join(map(write_canonical, value)) + "]"
        case _:
            return json.dumps(value)
