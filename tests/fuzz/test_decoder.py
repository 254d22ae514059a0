"""Whatever bytes come, they are an alert or a refusal that says what is wrong, soon, and without the token."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.sources.webhook.alert import Alert, Malformed
from tests.fuzz.bodies import TOKEN, make_body
from tests.fuzz.judge import judge

BODIES: Final = 5_000
CORPUS: Final = sorted((Path(__file__).parent / "corpus").iterdir())

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.just(TOKEN),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize("strict_fields", [False, True])
def test_changed_alerts_are_read_or_refused_cleanly(strict_fields: bool) -> None:  # noqa: FBT001 (a parameter of the test)
    outcomes = [judge(make_body(Random(seed)), strict_fields=strict_fields) for seed in range(BODIES)]
    # A mutator whose bodies are all refused at the first sign would prove little.
    assert sum(isinstance(outcome, Alert) for outcome in outcomes) > BODIES / 20


@given(st.integers(min_value=BODIES), st.booleans())
def test_seeds_beyond_the_fixed_ones_are_no_different(seed: int, strict_fields: bool) -> None:  # noqa: FBT001
    judge(make_body(Random(seed)), strict_fields=strict_fields)


@given(st.binary(max_size=300))
def test_any_bytes_are_refused(raw: bytes) -> None:
    assert isinstance(judge(raw), Malformed)


@given(st.dictionaries(st.text(max_size=12), VALUES, max_size=6))
def test_any_object_is_read_or_refused_cleanly(body: dict[str, object]) -> None:
    judge(json.dumps(body).encode())


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_what_once_was_answered_badly_is_answered_well(path: Path) -> None:
    for strict_fields in (False, True):
        judge(path.read_bytes(), strict_fields=strict_fields)


def test_the_largest_bodies_hang_nobody() -> None:
    for unit in (b'"\\u0061":1,', b'"a":[],', b'\\"', b"[", b'"authToken":"', b'"accounts":["a"],', b" ", b"\\", b"9"):
        for prefix in (b"", b"{", b'{"a":"', b'{"qty":', b'{"a":['):
            judge(prefix + unit * ((65_536 - 10) // len(unit)))
