"""Kill switches: what each scope covers, and which of two of one subject counts."""

from __future__ import annotations

import pytest

from fairlead.core.model.latch import Aim, Latch, LatchLevel, LatchScope
from fairlead.core.rules.latches import add_latch, covers, describe

AIM = Aim(
    tenant="acme",
    account_id="acc-1",
    symbol="BTC-USDT-SWAP",
    source_id="hook-1",
    strategy_id="breakout",
    user_id="alice",
)


def latch(scope: LatchScope, name: str = "", level: LatchLevel = LatchLevel.STOP_NEW, tenant: str = "acme") -> Latch:
    return Latch(latch_id="one", scope=scope, name=name, level=level, tenant=tenant, by="alice", set_ms=1)


@pytest.mark.parametrize(
    ("scope", "name"),
    [
        (LatchScope.PLATFORM, ""),
        (LatchScope.TENANT, ""),
        (LatchScope.USER, "alice"),
        (LatchScope.ACCOUNT, "acc-1"),
        (LatchScope.INSTRUMENT, "BTC-USDT-SWAP"),
        (LatchScope.STRATEGY, "hook-1"),
        (LatchScope.STRATEGY, "hook-1/breakout"),
    ],
)
def test_every_scope_covers_what_it_names(scope: LatchScope, name: str) -> None:
    assert covers(latch(scope, name), AIM)


@pytest.mark.parametrize(
    ("scope", "name"),
    [
        (LatchScope.USER, "bob"),
        (LatchScope.USER, ""),
        (LatchScope.ACCOUNT, "acc-2"),
        (LatchScope.ACCOUNT, "acc"),
        (LatchScope.INSTRUMENT, "BTC-USDT"),
        (LatchScope.STRATEGY, "hook-2"),
        (LatchScope.STRATEGY, "hook-1/other"),
        (LatchScope.STRATEGY, "hook-2/breakout"),
    ],
)
def test_no_scope_covers_its_neighbour(scope: LatchScope, name: str) -> None:
    assert not covers(latch(scope, name), AIM)


@pytest.mark.parametrize("scope", LatchScope)
def test_a_latch_of_one_tenant_never_covers_another(scope: LatchScope) -> None:
    for name in ("", "alice", "acc-1", "BTC-USDT-SWAP", "hook-1"):
        assert not covers(latch(scope, name, tenant="other"), AIM)


def test_a_latch_without_tenant_covers_everybody() -> None:
    assert covers(latch(LatchScope.PLATFORM, tenant=""), AIM)


def test_a_stronger_latch_replaces_a_weaker_one_and_never_the_reverse() -> None:
    weak = latch(LatchScope.ACCOUNT, "acc-1")
    strong = latch(LatchScope.ACCOUNT, "acc-1", LatchLevel.FLATTEN)
    other = latch(LatchScope.ACCOUNT, "acc-2")

    assert add_latch([weak, other], strong) == (other, strong)
    assert add_latch([strong, other], weak) == (strong, other)


def test_the_text_says_who_stopped_it_and_how_to_go_on() -> None:
    text = describe(latch(LatchScope.ACCOUNT, "acc-1"))

    assert "set by alice" in text
    assert "fairlead unkill account acc-1" in text
