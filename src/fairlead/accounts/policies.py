"""Policies as text: TOML or JSON with a closed set of fields, operators and actions, checked name by name."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from difflib import get_close_matches
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from fairlead.core.model.money import ONE, ZERO
from fairlead.core.model.policy import (
    Action,
    AllOf,
    AnyOf,
    Comparison,
    Condition,
    Not,
    Operator,
    Policy,
    PolicyMode,
    PolicyOutcome,
    PolicyRule,
    TimeWindow,
    Value,
)
from fairlead.core.rules.policy_facts import FIELDS, PolicyField

SCHEMA: Final = 1
TEXT_LENGTH_MAX: Final = 65_536
RULES_MAX: Final = 100
PARTS_MAX: Final = 50
OPERANDS_MAX: Final = 200
NAMES_MAX: Final = 200
DEPTH_MAX: Final = 8
WORD_LENGTH_MAX: Final = 128
PATTERN_LENGTH_MAX: Final = 64
DELAY_MS_MAX: Final = 86_400_000
PARSED_KEPT_MAX: Final = 512

_TWO: Final = 2
_UNITS_MS: Final[Mapping[str, int]] = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000}
_DELAY: Final = re.compile(r"([0-9]{1,8})(ms|s|m|h)", re.ASCII)
_CLOCK: Final = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])", re.ASCII)
_RULE_ID: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}", re.ASCII)
_TOP: Final = ("schema", "mode", "defaults", "accounts", "sources", "rules")
_RULE: Final = ("id", "when", "then", "applies_to_closes")
_JOINS: Final = ("all", "any", "not", "field", "time_between")
_NUMBER_OPERATORS: Final = tuple(one for one in Operator if one is not Operator.LIKE)
_WORD_OPERATORS: Final = (Operator.EQ, Operator.IN, Operator.LIKE)
_PLAIN_ACTIONS: Final = ("allow", "deny", "require_approval")


class PolicyProblem(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong with a policy: where, what stands there, and what should."""

    path: str
    value: str
    rule: str


class PolicyError(ValueError):
    """A policy that cannot be used; every problem is named."""

    def __init__(self, problems: Sequence[PolicyProblem]) -> None:
        """Keep the problems and put them into the message."""
        super().__init__("; ".join(f"{one.path} = {one.value}: {one.rule}" for one in problems))
        self.problems = tuple(problems)


@lru_cache(maxsize=PARSED_KEPT_MAX)
def read_policy(name: str, version: int, text: str) -> Policy:
    """Read one policy; a text that begins with ``{`` is JSON, any other is TOML.

    Raises:
        PolicyError: the text cannot be read, or a field, operator, action or value is not one of those there are.
    """
    if len(text) > TEXT_LENGTH_MAX:
        raise PolicyError([_problem("policy", f"{len(text)} characters", f"at most {TEXT_LENGTH_MAX}")])
    try:
        table = _load(text)
    except (ValueError, RecursionError) as error:
        raise PolicyError([_problem("policy", "", f"must be TOML or JSON: {error}")]) from error
    reader = _Reader()
    policy = reader.policy(name, version, table)
    if reader.problems:
        raise PolicyError(reader.problems)
    return policy


def closed_policy(name: str, version: int) -> Policy:
    """What stands for a stored policy that cannot be read any more: nothing that may add risk passes."""
    return Policy(name=name, version=version, mode=PolicyMode.ENFORCE, default=PolicyOutcome.DENY)


def find_loosening(old: Policy, new: Policy) -> list[str]:
    """Say how a new version lets more pass than the old one; empty when it only tightens.

    Compared by rules, not by meaning: whatever does not plainly restrain more counts as loosening.
    """
    if old.mode is PolicyMode.SHADOW:
        return []
    found = []
    if new.mode is PolicyMode.SHADOW:
        found.append("mode becomes shadow")
    if old.default is PolicyOutcome.DENY and new.default is not PolicyOutcome.DENY:
        found.append("the default becomes allow")
    for what, before, after in (("accounts", old.accounts, new.accounts), ("sources", old.sources, new.sources)):
        if after and (not before or not before <= after):
            found.append(f"{what} covers less")
    kept = {rule.rule_id: rule for rule in new.rules}
    known = {rule.rule_id: rule for rule in old.rules}
    found += [
        f"rule {rule.rule_id} is changed or gone"
        for rule in old.rules
        if rule.then.outcome is not PolicyOutcome.ALLOW and rule != kept.get(rule.rule_id)
    ]
    found += [
        f"rule {rule.rule_id} allows"
        for rule in new.rules
        if old.default is PolicyOutcome.DENY
        and rule.then.outcome is PolicyOutcome.ALLOW
        and rule != known.get(rule.rule_id)
    ]
    return found


def _load(text: str) -> object:
    if text.lstrip().startswith("{"):
        return json.loads(text, parse_float=Decimal, parse_constant=_no_constant, object_pairs_hook=_unique)
    return tomllib.loads(text, parse_float=_finite)


def _finite(text: str) -> Decimal:
    value = Decimal(text.replace("_", ""))
    if not value.is_finite():
        raise ValueError(f"{text} is no number")
    return value


def _no_constant(text: str) -> object:
    raise ValueError(f"{text} is no number")


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(name for name in names if names.count(name) > 1)} is there twice")
    return found


def _problem(path: str, value: object, rule: str) -> PolicyProblem:
    return PolicyProblem(path=path, value=repr(value)[:80], rule=rule)


def _nearest(name: str, known: Iterable[str]) -> str:
    names = sorted(known)
    near = get_close_matches(name, names, n=1)
    return f"; did you mean {near[0]}?" if near else f"; there are {', '.join(names)}"


class _Reader:
    """Reads tables into structs and collects everything that is wrong."""

    def __init__(self) -> None:
        self.problems: list[PolicyProblem] = []
        self._fields: dict[str, None] = {}

    def policy(self, name: str, version: int, table: object) -> Policy:
        parts = self._table("policy", table, _TOP)
        if parts.get("schema") != SCHEMA:
            self._wrong("schema", parts.get("schema"), f"must be {SCHEMA}")
        mode = self._word("mode", parts.get("mode", PolicyMode.ENFORCE.value), tuple(PolicyMode))
        default = self._word("defaults", parts.get("defaults", "allow"), ("allow", "deny"))
        rules = [
            self._rule(f"rules[{number}]", rule)
            for number, rule in enumerate(self._list("rules", parts.get("rules", []), RULES_MAX))
        ]
        ids = [rule.rule_id for rule in rules]
        for twice in sorted({one for one in ids if ids.count(one) > 1}):
            self._wrong("rules", twice, "is the id of two rules")
        return Policy(
            name=name,
            version=version,
            mode=PolicyMode(mode or PolicyMode.ENFORCE),
            default=PolicyOutcome(default or PolicyOutcome.DENY),
            rules=tuple(rules),
            accounts=self._names("accounts", parts.get("accounts", [])),
            sources=self._names("sources", parts.get("sources", [])),
        )

    def _rule(self, path: str, table: object) -> PolicyRule:
        parts = self._table(path, table, _RULE)
        rule_id = parts.get("id")
        if not isinstance(rule_id, str) or _RULE_ID.fullmatch(rule_id) is None:
            self._wrong(f"{path}.id", rule_id, "must be up to 64 of a-z, 0-9, dot, dash and underscore")
        closes = parts.get("applies_to_closes", False)
        if not isinstance(closes, bool):
            self._wrong(f"{path}.applies_to_closes", closes, "must be true or false")
        self._fields = {}
        when = self._condition(f"{path}.when", parts["when"], 1) if "when" in parts else AllOf(())
        return PolicyRule(
            rule_id=str(rule_id),
            when=when,
            then=self._action(f"{path}.then", parts.get("then")),
            applies_to_closes=closes is True,
            fields=tuple(self._fields),
        )

    def _condition(self, path: str, table: object, depth: int) -> Condition:
        if depth > DEPTH_MAX:
            self._wrong(path, "...", f"conditions nest at most {DEPTH_MAX} deep")
            return AllOf(())
        parts = self._table(path, table, (*_JOINS, "zone", *Operator))
        heads = [name for name in _JOINS if name in parts]
        if len(heads) != 1:
            self._wrong(path, sorted(parts), f"must have exactly one of {', '.join(_JOINS)}")
            return AllOf(())
        head = heads[0]
        allowed = {"field": {"field", *Operator}, "time_between": {"time_between", "zone"}}.get(head, {head})
        for name in sorted(parts.keys() - allowed):
            self._wrong(f"{path}.{name}", parts[name], f"does not go with {head}")
        match head:
            case "all" | "any":
                listed = self._list(f"{path}.{head}", parts[head], PARTS_MAX)
                if not listed:
                    self._wrong(f"{path}.{head}", [], "needs at least one condition")
                read = tuple(self._condition(f"{path}.{head}[{at}]", one, depth + 1) for at, one in enumerate(listed))
                return AllOf(read) if head == "all" else AnyOf(read)
            case "not":
                return Not(self._condition(f"{path}.not", parts["not"], depth + 1))
            case "field":
                return self._comparison(path, parts)
            case _:
                return self._window(path, parts)

    def _comparison(self, path: str, parts: Mapping[str, object]) -> Condition:
        name = parts["field"]
        field = FIELDS.get(name) if isinstance(name, str) else None
        if field is None or not isinstance(name, str):
            self._wrong(f"{path}.field", name, f"is no field{_nearest(str(name), FIELDS)}")
            return AllOf(())
        used = [one for one in Operator if one.value in parts]
        known = _NUMBER_OPERATORS if field.is_number else _WORD_OPERATORS
        if len(used) != 1 or used[0] not in known:
            self._wrong(path, [one.value for one in used], f"{name} needs exactly one of {', '.join(known)}")
            return AllOf(())
        operator = used[0]
        raw = parts[operator.value]
        here = f"{path}.{operator.value}"
        values = self._list(here, raw, OPERANDS_MAX) if operator in {Operator.IN, Operator.BETWEEN} else [raw]
        operands = tuple(self._operand(here, value, field, operator) for value in values)
        if operator is Operator.BETWEEN and (len(operands) != _TWO or list(operands) != sorted(operands)):
            self._wrong(here, raw, "must be [least, greatest]")
            return AllOf(())
        if not operands:
            self._wrong(here, raw, "needs at least one value")
            return AllOf(())
        self._fields[name] = None
        return Comparison(name, operator, operands)

    def _operand(self, path: str, value: object, field: PolicyField, operator: Operator) -> Value:
        if field.is_number:
            if isinstance(value, bool) or not isinstance(value, int | Decimal):
                self._wrong(path, value, "must be a number")
                return ZERO
            return Decimal(value)
        if not isinstance(value, str) or len(value) > WORD_LENGTH_MAX:
            self._wrong(path, value, f"must be a text of at most {WORD_LENGTH_MAX} characters")
            return ""
        if operator is Operator.LIKE and len(value) > PATTERN_LENGTH_MAX:
            self._wrong(path, value, f"a pattern has at most {PATTERN_LENGTH_MAX} characters")
        if operator is not Operator.LIKE and field.words and value not in field.words:
            self._wrong(path, value, f"is none of its words{_nearest(value, field.words)}")
        return value

    def _window(self, path: str, parts: Mapping[str, object]) -> Condition:
        ends = self._list(f"{path}.time_between", parts["time_between"], _TWO)
        found = [_CLOCK.fullmatch(end) if isinstance(end, str) else None for end in ends]
        minutes = [int(one[1]) * 60 + int(one[2]) for one in found if one is not None]
        if len(minutes) != _TWO or minutes[0] == minutes[1]:
            self._wrong(f"{path}.time_between", parts["time_between"], 'must be two different times ["22:00", "06:00"]')
            return AllOf(())
        zone = parts.get("zone", "UTC")
        try:
            return TimeWindow(minutes[0], minutes[1], ZoneInfo(zone if isinstance(zone, str) else ""))
        except (ValueError, OSError, KeyError):
            self._wrong(f"{path}.zone", zone, "is no time zone; write one as Europe/Berlin")
            return AllOf(())

    def _action(self, path: str, value: object) -> Action:
        if isinstance(value, str):
            word = self._word(path, value, _PLAIN_ACTIONS, more=("scale", "delay"))
            return Action(outcome=PolicyOutcome(word or PolicyOutcome.DENY))
        parts = self._table(path, value, ("scale", "delay"))
        if len(parts) != 1:
            self._wrong(path, value, 'must be allow, deny, require_approval, {scale = 0.5} or {delay = "10m"}')
            return Action(outcome=PolicyOutcome.DENY)
        if "delay" in parts:
            return self._delay(f"{path}.delay", parts["delay"])
        factor = parts["scale"]
        if isinstance(factor, bool) or not isinstance(factor, int | Decimal) or not ZERO < factor <= ONE:
            self._wrong(f"{path}.scale", factor, "must be above 0 and at most 1")
            return Action(outcome=PolicyOutcome.DENY)
        return Action(outcome=PolicyOutcome.SCALE, factor=Decimal(factor))

    def _delay(self, path: str, value: object) -> Action:
        found = _DELAY.fullmatch(value) if isinstance(value, str) else None
        delay_ms = int(found[1]) * _UNITS_MS[found[2]] if found is not None else 0
        if not 0 < delay_ms <= DELAY_MS_MAX:
            self._wrong(path, value, 'must be a duration such as "30s" or "10m", at most 24h')
            return Action(outcome=PolicyOutcome.DENY)
        return Action(outcome=PolicyOutcome.DELAY, delay_ms=delay_ms)

    def _names(self, path: str, value: object) -> frozenset[str]:
        found = self._list(path, value, NAMES_MAX)
        for name in found:
            if not isinstance(name, str) or not 0 < len(name) <= WORD_LENGTH_MAX:
                self._wrong(path, name, "must be a name")
        return frozenset(name for name in found if isinstance(name, str))

    def _table(self, path: str, value: object, known: Sequence[str]) -> Mapping[str, object]:
        if not isinstance(value, dict):
            self._wrong(path, value, f"must be a table with {', '.join(known)}")
            return {}
        for name in sorted(value.keys() - set(known)):
            self._wrong(f"{path}.{name}", value[name], f"is not known here{_nearest(name, known)}")
        return {name: part for name, part in value.items() if name in known}

    def _list(self, path: str, value: object, length_max: int) -> list[object]:
        if isinstance(value, list) and len(value) <= length_max:
            return value
        self._wrong(path, value, f"must be a list of at most {length_max}")
        return []

    def _word(self, path: str, value: object, words: Sequence[str], more: Sequence[str] = ()) -> str | None:
        if isinstance(value, str) and value in words:
            return value
        self._wrong(path, value, f"must be one of them{_nearest(str(value), (*words, *more))}")
        return None

    def _wrong(self, path: str, value: object, rule: str) -> None:
        self.problems.append(_problem(path, value, rule))
