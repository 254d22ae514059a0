"""Whatever the bytes are, they are one clean JSON object or a refusal that says where and why, and quickly."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.sources.webhook.alert import Malformed
from fairlead.sources.webhook.json_text import BODY_BYTES_MAX, parse_body


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("buy", "not JSON"),
        ("{'a': 1}", "not JSON"),
        ("[]", "not a JSON object"),
        ('"x"', "not a JSON object"),
        ("12", "not a JSON object"),
        ("null", "not a JSON object"),
        ('{"qty": NaN}', "NaN"),
        ('{"qty": -Infinity}', "-Infinity"),
        ('{"qty": 1, "qty": 1}', "twice"),
        ('{"x": {"a": 1, "a": 2}}', "twice"),
        ('{"qty": 01}', "not JSON"),
        ('{"qty": +1}', "not JSON"),
        ('{"qty": .5}', "not JSON"),
        ('{"qty": 1} x', "not JSON"),
        ('\ufeff{"qty": 1}', "not JSON"),
        ('{"side": "buy\n"}', "not JSON"),
        ('{"x": ' + "[" * 9 + "]" * 9 + "}", "nested"),
        ('{"x": ' + "[" * 30_000, "nested"),
    ],
)
def test_what_is_not_one_clean_json_object_is_refused(text: str, error: str) -> None:
    malformed = parse_body(text.encode())
    assert isinstance(malformed, Malformed)
    assert error in malformed.error


def test_bytes_that_are_no_text_and_bodies_that_are_too_long_are_refused() -> None:
    for raw, error in ((b'{"a": "\xff"}', "UTF-8"), (b" " * 65_537, "65536 bytes")):
        malformed = parse_body(raw)
        assert isinstance(malformed, Malformed)
        assert error in malformed.error


@given(st.binary(max_size=300) | st.text(max_size=300).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_are_an_object_or_malformed(raw: bytes) -> None:
    assert isinstance(parse_body(raw), dict | Malformed)


def test_a_repeated_name_is_found_among_thousands() -> None:
    names = ",".join(f'"{number:x}":1' for number in range(6_000))
    raw = f'{{{names},"z":1,"z":2}}'.encode()
    assert len(raw) <= BODY_BYTES_MAX
    malformed = parse_body(raw)
    assert isinstance(malformed, Malformed)
    assert malformed.details[0].field == "z"
