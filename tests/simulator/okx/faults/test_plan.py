"""Rules decide without sockets: whom they strike, how often, and the same again for the same seed."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from fairlead.simulator.okx.faults.plan import FaultPlan, PlanError
from fairlead.simulator.okx.faults.reading import read_rule, read_rules_file
from fairlead.simulator.okx.faults.rules import KINDS, Facts, FaultKind, FaultRule, Match, Moment

ORDER = Facts(moment=Moment.REST, endpoint="trade/order", account="k1", symbols=("BTC-USDT",))


def lost(**more: object) -> FaultRule:
    return msgspec.convert({"id": "r", "kind": "reply_lost", **more}, FaultRule)


def struck(plan: FaultPlan, facts: Facts, times: int) -> list[bool]:
    return [plan.decide(facts) is not None for _ in range(times)]


def test_a_rule_spares_the_first_and_ends_after_its_count() -> None:
    assert struck(FaultPlan([lost(after=2, count=2)]), ORDER, 6) == [False, False, True, True, False, False]


def test_chance_is_the_same_for_the_same_seed_and_another_for_another() -> None:
    first, again = (struck(FaultPlan([lost(probability=0.5, seed=3)]), ORDER, 200) for _ in range(2))
    other = struck(FaultPlan([lost(probability=0.5, seed=4)]), ORDER, 200)
    assert first == again != other
    assert 60 < sum(first) < 140


def test_chance_of_nothing_never_strikes_and_of_one_always() -> None:
    assert not any(struck(FaultPlan([lost(probability=0)]), ORDER, 100))
    assert all(struck(FaultPlan([lost(probability=1)]), ORDER, 100))


@pytest.mark.parametrize(
    ("match", "strikes"),
    [
        (Match(), True),
        (Match(endpoint="trade/order"), True),
        (Match(endpoint="/api/v5/trade/order"), True),
        (Match(endpoint="trade/*"), True),
        (Match(endpoint="trade/ord"), False),
        (Match(account="k2"), False),
        (Match(instrument="BTC-USDT", account="k1"), True),
        (Match(instrument="ETH-USDT"), False),
    ],
)
def test_a_rule_is_about_an_endpoint_an_account_and_an_instrument(match: Match, *, strikes: bool) -> None:
    plan = FaultPlan([FaultRule(id="r", kind=FaultKind.REPLY_LOST, match=match)])
    assert (plan.decide(ORDER) is not None) is strikes


def test_a_fault_of_pushes_leaves_requests_alone_and_nobody_is_asked_for_nothing() -> None:
    plan = FaultPlan([FaultRule(id="r", kind=FaultKind.PUSH_LOST)])
    assert plan.decide(ORDER) is None
    assert plan.watches(Moment.PUSH)
    assert not plan.watches(Moment.REST)


def test_of_two_rules_the_first_that_strikes_wins() -> None:
    plan = FaultPlan([lost(count=1), FaultRule(id="s", kind=FaultKind.RESET_BEFORE)])
    decided = [plan.decide(ORDER) for _ in range(2)]
    assert [fault.rule_id for fault in decided if fault is not None] == ["r", "s"]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('{"id": "r", "kind": "reply_lots"}', "reply_lots"),
        ('{"id": "r", "kind": "reply_lost", "colour": 1}', "colour"),
        ('{"id": "r", "kind": "reply_lost", "match": {"acount": "k1"}}', "acount"),
        ('{"id": "r", "kind": "reply_lost", "params": {"status": 502}}', "status"),
        ('{"id": "r", "kind": "slow_reply"}', "delay_ms"),
        ('{"id": "", "kind": "reply_lost"}', "id"),
        ('{"id": "r", "kind": "reply_lost", "probability": 2}', "probability"),
        ('{"id": "r"', "truncated"),
    ],
)
def test_what_is_unknown_or_missing_is_refused_by_name(text: str, named: str) -> None:
    with pytest.raises(PlanError, match=named):
        read_rule(text.encode())


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("f.json", '{"faults": [{"id": "r", "kind": "slow_reply", "params": {"delay_ms": 5}}]}'),
        ("f.toml", '[[faults]]\nid = "r"\nkind = "slow_reply"\nparams = { delay_ms = 5 }\n'),
        ("f.yaml", "faults:\n  - id: r\n    kind: slow_reply\n    params: {delay_ms: 5}\n"),
    ],
)
def test_the_same_rule_reads_the_same_from_every_kind_of_file(tmp_path: Path, name: str, text: str) -> None:
    file = tmp_path / name
    file.write_text(text)
    (rule,) = read_rules_file(file)
    assert (rule.id, rule.kind, rule.params.delay_ms) == ("r", FaultKind.SLOW_REPLY, 5)


def test_a_file_with_an_id_twice_or_of_no_known_kind_is_refused(tmp_path: Path) -> None:
    twice = tmp_path / "twice.json"
    twice.write_text('{"faults": [{"id": "r", "kind": "reply_lost"}, {"id": "r", "kind": "reply_lost"}]}')
    with pytest.raises(PlanError, match="two rules"):
        read_rules_file(twice)
    other = tmp_path / "faults.txt"
    other.write_text("")
    with pytest.raises(PlanError, match=r"\.yaml"):
        read_rules_file(other)


def test_every_kind_has_a_moment() -> None:
    assert set(KINDS) == set(FaultKind)
    assert all(traits.moments for traits in KINDS.values())
