from __future__ import annotations

import json
from decimal import Decimal

import pytest

from fairlead.accounts.policies import (
    DEPTH_MAX,
    RULES_MAX,
    TEXT_LENGTH_MAX,
    PolicyError,
    closed_policy,
    find_loosening,
    read_policy,
)
from fairlead.core.model.policy import Comparison, Operator, Policy, PolicyMode, PolicyOutcome

TEXT = """
schema = 1
mode = "shadow"
defaults = "deny"
accounts = ["paper-1"]
sources = ["my-hook"]

[[rules]]
id = "big"
then = {scale = 0.5}
when = {all = [{field = "notional_usd", gt = 5_000.5}, {not = {field = "asset", in = ["BTC"]}}]}

[[rules]]
id = "later"
then = {delay = "10m"}
when = {time_between = ["22:00", "06:00"], zone = "Europe/Berlin"}
"""
JSON = {
    "schema": 1,
    "mode": "shadow",
    "defaults": "deny",
    "accounts": ["paper-1"],
    "sources": ["my-hook"],
    "rules": [
        {
            "id": "big",
            "then": {"scale": 0.5},
            "when": {"all": [{"field": "notional_usd", "gt": 5000.5}, {"not": {"field": "asset", "in": ["BTC"]}}]},
        },
        {
            "id": "later",
            "then": {"delay": "10m"},
            "when": {"time_between": ["22:00", "06:00"], "zone": "Europe/Berlin"},
        },
    ],
}


def read(rule: str = "", head: str = "") -> Policy:
    return read_policy("mine", 1, f"schema = 1\n{head}{rule}")


def problems_of(rule: str = "", head: str = "") -> str:
    with pytest.raises(PolicyError) as caught:
        read(rule, head)
    return str(caught.value)


def deny(when: str) -> str:
    return f'[[rules]]\nid = "r"\nthen = "deny"\nwhen = {when}\n'


def test_toml_and_json_say_the_same() -> None:
    policy = read_policy("mine", 1, TEXT)
    assert policy == read_policy("mine", 1, json.dumps(JSON))
    assert (policy.mode, policy.default) == (PolicyMode.SHADOW, PolicyOutcome.DENY)
    assert policy.rules[0].fields == ("notional_usd", "asset")
    assert policy.rules[1].then.delay_ms == 600_000


def test_numbers_are_exact() -> None:
    condition = read(deny('{field = "equity_share", gt = 0.1}')).rules[0].when
    assert condition == Comparison("equity_share", Operator.GT, (Decimal("0.1"),))


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (deny('{field = "notional", gt = 5}'), "did you mean notional_usd?"),
        (deny('{field = "notional_usd", above = 5}'), "rules[0].when.above = 5: is not known here"),
        (deny('{field = "notional_usd", gt = "5"}'), "must be a number"),
        (deny('{field = "notional_usd", gt = true}'), "must be a number"),
        (deny('{field = "notional_usd", gt = nan}'), "is no number"),
        (deny('{field = "notional_usd", gt = inf}'), "is no number"),
        (deny('{field = "notional_usd", gt = 1, lt = 2}'), "needs exactly one of"),
        (deny('{field = "notional_usd", like = "5*"}'), "needs exactly one of"),
        (deny('{field = "asset", gt = "BTC"}'), "needs exactly one of eq, in, like"),
        (deny('{field = "asset", eq = 5}'), "must be a text"),
        (deny('{field = "side", eq = "long"}'), "there are buy, sell"),
        (deny('{field = "asset", in = []}'), "needs at least one value"),
        (deny('{field = "hour", between = [9, 8]}'), "must be [least, greatest]"),
        (deny('{field = "asset", like = "' + "*" * 65 + '"}'), "at most 64 characters"),
        (deny("{all = [], any = []}"), "exactly one of"),
        (deny("{all = []}"), "at least one condition"),
        (deny('{all = [{field = "asset", eq = "BTC"}], eq = 1}'), "does not go with all"),
        (deny('{time_between = ["24:00", "06:00"]}'), "two different times"),
        (deny('{time_between = ["06:00", "06:00"]}'), "two different times"),
        (deny('{time_between = ["06:00", "07:00"], zone = "Mars/Base"}'), "is no time zone"),
        (deny('{time_between = ["06:00", "07:00"], zone = "../etc"}'), "is no time zone"),
        ('[[rules]]\nid = "r"\nthen = "denny"\n', "did you mean deny?"),
        ('[[rules]]\nid = "r"\nthen = {scale = 1.5}\n', "above 0 and at most 1"),
        ('[[rules]]\nid = "r"\nthen = {scale = 0}\n', "above 0 and at most 1"),
        ('[[rules]]\nid = "r"\nthen = {delay = "10 minutes"}\n', "must be a duration"),
        ('[[rules]]\nid = "r"\nthen = {delay = "25h"}\n', "must be a duration"),
        ('[[rules]]\nid = "r"\nthen = {scale = 0.5, delay = "1s"}\n', "must be allow, deny"),
        ('[[rules]]\nid = "r"\n', "rules[0].then = None"),
        ('[[rules]]\nthen = "deny"\n', "rules[0].id = None"),
        ('[[rules]]\nid = "r"\nthen = "deny"\napplies_to_closes = 1\n', "must be true or false"),
        ('[[rules]]\nid = "r"\nthen = "deny"\n' * 2, "is the id of two rules"),
        ('[[rules]]\nid = "r"\nthen = "deny"\nwhen = 5\n', "must be a table"),
    ],
)
def test_whatever_is_wrong_is_named_with_its_place_and_the_nearest_right_word(rule: str, words: str) -> None:
    assert words in problems_of(rule)


def test_the_head_of_a_policy_is_checked_too() -> None:
    with pytest.raises(PolicyError, match="schema = 2: must be 1"):
        read_policy("mine", 1, "schema = 2\n")
    assert "did you mean enforce?" in problems_of(head='mode = "enforced"\n')
    assert "did you mean defaults?" in problems_of(head='default = "deny"\n')
    assert "accounts = 5" in problems_of(head="accounts = [5]\n")


def test_size_and_depth_are_bounded() -> None:
    with pytest.raises(PolicyError, match="at most 65536"):
        read_policy("mine", 1, "#" * (TEXT_LENGTH_MAX + 1))
    many = "".join(f'[[rules]]\nid = "r{number}"\nthen = "deny"\n' for number in range(RULES_MAX + 1))
    assert "a list of at most 100" in problems_of(many)
    deep = "{not = " * DEPTH_MAX + '{field = "asset", eq = "BTC"}' + "}" * DEPTH_MAX
    assert f"at most {DEPTH_MAX} deep" in problems_of(deny(deep))
    with pytest.raises(PolicyError):
        read_policy("mine", 1, '{"rules":' + "[" * 20_000)


def test_nothing_is_there_twice() -> None:
    with pytest.raises(PolicyError, match="mode is there twice"):
        read_policy("mine", 1, '{"schema": 1, "mode": "enforce", "mode": "shadow"}')
    with pytest.raises(PolicyError, match="overwrite"):
        read_policy("mine", 1, 'schema = 1\nmode = "enforce"\nmode = "shadow"\n')


def test_a_policy_covers_what_it_names_by_any_name() -> None:
    policy = read_policy("mine", 1, TEXT)
    assert policy.covers(frozenset({"paper-1", "id1"}), frozenset({"my-hook", "h1"}))
    assert not policy.covers(frozenset({"paper-2"}), frozenset({"my-hook"}))
    assert not policy.covers(frozenset({"paper-1"}), frozenset({"other"}))
    assert read().covers(frozenset({"any"}), frozenset({"any"}))


OLD = '[[rules]]\nid = "a"\nthen = "deny"\n[[rules]]\nid = "b"\nthen = "allow"\n'


@pytest.mark.parametrize(
    ("head", "rules", "is_tighter"),
    [
        ('defaults = "deny"\n', OLD, True),
        ('defaults = "deny"\n', OLD + '[[rules]]\nid = "c"\nthen = {scale = 0.5}\n', True),
        ('defaults = "deny"\n', '[[rules]]\nid = "a"\nthen = "deny"\n', True),
        ("", OLD, False),
        ('defaults = "deny"\nmode = "shadow"\n', OLD, False),
        ('defaults = "deny"\naccounts = ["x"]\n', OLD, False),
        ('defaults = "deny"\nsources = ["x"]\n', OLD, False),
        ('defaults = "deny"\n', '[[rules]]\nid = "b"\nthen = "allow"\n', False),
        ('defaults = "deny"\n', OLD + '[[rules]]\nid = "c"\nthen = "allow"\n', False),
        ('defaults = "deny"\n', OLD.replace('"deny"', "{scale = 0.9}"), False),
    ],
)
def test_what_does_not_plainly_restrain_more_is_loosening(head: str, rules: str, *, is_tighter: bool) -> None:
    old = read(OLD, 'defaults = "deny"\n')
    assert (find_loosening(old, read(rules, head)) == []) is is_tighter


def test_a_shadow_policy_may_be_changed_in_any_way() -> None:
    assert find_loosening(read(OLD, 'mode = "shadow"\n'), read()) == []


def test_a_closed_policy_denies_whatever_adds_risk() -> None:
    assert closed_policy("x", 3).default is PolicyOutcome.DENY
