"""Merging limits: the strictest of all scopes, in any order."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from fairlead.core.model.risk import RiskLimits, RiskProfile
from fairlead.core.rules.risk import limits_of, merge_limits
from fairlead.core.rules.risk_checks.limits import DIRECTIONS, Stricter
from tests.core.risk_world import LINEAR, SPOT, D

FIELDS = RiskLimits.__struct_fields__


@st.composite
def scopes(draw: st.DrawFn) -> RiskLimits:
    values = st.none() | st.integers(0, 5)
    parts = st.none() | st.sets(st.sampled_from("abc")).map(lambda found: tuple(sorted(found)))
    lists = {field: parts for field, stricter in DIRECTIONS.items() if stricter is Stricter.UNION}
    return msgspec.structs.replace(RiskLimits(), **{field: draw(lists.get(field, values)) for field in FIELDS})


def test_every_limit_has_a_direction() -> None:
    assert set(DIRECTIONS) == set(FIELDS)


def test_names_agree_with_directions() -> None:
    for field, stricter in DIRECTIONS.items():
        assert (stricter is Stricter.HIGHER) is (field.endswith(("_min", "_window_ms", "_pause_ms", "_flattens"))), (
            field
        )


@given(scopes(), scopes(), scopes())
def test_merging_is_associative_commutative_and_idempotent(a: RiskLimits, b: RiskLimits, c: RiskLimits) -> None:
    assert merge_limits(merge_limits(a, b), c) == merge_limits(a, merge_limits(b, c)) == merge_limits(a, b, c)
    assert merge_limits(a, b) == merge_limits(b, a)
    assert merge_limits(a, a) == merge_limits(a) == merge_limits(a, RiskLimits()) == a


@given(scopes(), scopes())
def test_the_strictest_value_wins_for_every_limit(a: RiskLimits, b: RiskLimits) -> None:
    merged = merge_limits(a, b)
    for field in FIELDS:
        named = [value for value in (getattr(a, field), getattr(b, field)) if value is not None]
        if DIRECTIONS[field] is Stricter.UNION:
            assert getattr(merged, field) == (tuple(sorted(set().union(*named))) if named else None), field
            continue
        stricter = max if DIRECTIONS[field] is Stricter.HIGHER else min
        assert getattr(merged, field) == (stricter(named) if named else None), field


def test_without_scopes_there_are_no_limits() -> None:
    assert merge_limits() == RiskLimits()


def test_an_instrument_tightens_its_profile_and_never_loosens_it() -> None:
    profile = RiskProfile(
        name="mine",
        version=1,
        description="a test",
        limits=RiskLimits(leverage_max=D(5), open_orders_max=10),
        instruments={LINEAR: RiskLimits(leverage_max=D(2), open_orders_max=99)},
    )
    assert limits_of(profile, LINEAR) == RiskLimits(leverage_max=D(2), open_orders_max=10)
    assert limits_of(profile, SPOT) == profile.limits
