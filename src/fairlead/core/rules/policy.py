"""Asks every policy that covers a planned request, in one pass, and joins their answers: the strictest wins."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Final

import msgspec

from fairlead.core.model.money import ONE, format_amount
from fairlead.core.model.policy import (
    Action,
    AllOf,
    AnyOf,
    Comparison,
    Condition,
    Not,
    Operator,
    Policing,
    Policy,
    PolicyMatch,
    PolicyMode,
    PolicyOutcome,
    PolicyRule,
    PolicyVerdict,
    TimeWindow,
    Value,
)
from fairlead.core.model.request import OrderRequest, SourceKind
from fairlead.core.rules.account_view import AccountView
from fairlead.core.rules.plan import Nothing, Plan, Refusal
from fairlead.core.rules.policy_facts import PolicyCase
from fairlead.core.rules.policy_scaling import scale_plan

POLICY_REJECTED: Final = "policy_rejected"
APPROVAL_REQUIRED: Final = "approval_required"
SUPERSEDED: Final = "superseded"

STRICTNESS: Final = tuple(PolicyOutcome)


class Permitted(msgspec.Struct, frozen=True, kw_only=True):
    """The plan may go on to the risk checks, perhaps smaller than it was."""

    plan: Plan
    verdicts: tuple[PolicyVerdict, ...] = ()


class Forbidden(msgspec.Struct, frozen=True, kw_only=True):
    """The request ends here: denied, or not needed when ``is_needless``."""

    reason_code: str
    message: str
    plan: Plan
    verdicts: tuple[PolicyVerdict, ...]
    numbers: dict[str, str] = {}
    is_needless: bool = False


class Postponed(msgspec.Struct, frozen=True, kw_only=True):
    """The request is decided anew at ``until_ms`` (UTC milliseconds), not before."""

    until_ms: int
    message: str
    plan: Plan
    verdicts: tuple[PolicyVerdict, ...]


PolicyDecision = Permitted | Forbidden | Postponed


class _Heard(msgspec.Struct, frozen=True):
    """A policy's verdict with the actions of the rules that applied."""

    verdict: PolicyVerdict
    actions: tuple[Action, ...]


def apply_policies(request: OrderRequest, plan: Plan, view: AccountView, policing: Policing) -> PolicyDecision:
    """Let policies judge a plan: deny wins, then approval, then the longest delay, then all scales together.

    What a kill switch asks for is no wish, so nobody judges it.
    """
    if not policing.policies or request.source_kind is SourceKind.SYSTEM:
        return Permitted(plan=plan)
    case = PolicyCase(request, plan, view, policing.source)
    heard = [found for policy in policing.policies if (found := _ask(policy, case)) is not None]
    verdicts = tuple(one.verdict for one in heard)
    enforced = [one for one in heard if not one.verdict.shadow]
    strictest = _strictest(one.verdict.outcome for one in enforced)
    if strictest in {PolicyOutcome.DENY, PolicyOutcome.APPROVAL}:
        words = [describe_verdict(one.verdict) for one in enforced if one.verdict.outcome is strictest]
        reason_code = POLICY_REJECTED if strictest is PolicyOutcome.DENY else APPROVAL_REQUIRED
        return Forbidden(reason_code=reason_code, message="; ".join(words), plan=plan, verdicts=verdicts)
    actions = [action for one in enforced for action in one.actions]
    delay_ms = max((action.delay_ms for action in actions), default=0)
    if delay_ms:
        stopped = _wait(case, delay_ms, verdicts)
        if stopped is not None:
            return stopped
    return _scale(case, enforced, verdicts)


def is_superseded(delayed: OrderRequest, other: OrderRequest) -> bool:
    """Whether another request is newer news of the same instrument: an entry after its own close must not happen."""
    return other.symbol == delayed.symbol and other.cause_at_ms > delayed.cause_at_ms and not other.dry_run


def describe_verdict(verdict: PolicyVerdict) -> str:
    """One line for people: who said what, and why."""
    because = ", ".join(_describe_match(match) for match in verdict.matches) or verdict.detail
    shadow = " (shadow: noted only)" if verdict.shadow else ""
    says = verdict.outcome.value.replace("_", " ")
    return f"policy {verdict.policy} v{verdict.version} says {says}{f': {because}' if because else ''}{shadow}"


def holds(condition: Condition, case: PolicyCase) -> bool | None:
    """Whether a condition holds; None when a field that matters is unknown (three-valued logic of Kleene)."""
    match condition:
        case Comparison():
            value = case.value(condition.field)
            return None if value is None else _compare(condition.operator, value, condition.operands)
        case AllOf(parts):
            return _join((holds(part, case) for part in parts), decisive=False)
        case AnyOf(parts):
            return _join((holds(part, case) for part in parts), decisive=True)
        case Not(part):
            found = holds(part, case)
            return None if found is None else not found
        case TimeWindow():
            return _is_within(condition, case)


def _join(answers: Iterable[bool | None], *, decisive: bool) -> bool | None:
    """One decisive answer settles it; else an unknown one leaves it open."""
    is_open = False
    for answer in answers:
        if answer is decisive:
            return decisive
        is_open = is_open or answer is None
    return None if is_open else not decisive


def _compare(operator: Operator, value: Value, operands: Sequence[Value]) -> bool:
    if operator is Operator.IN or operator is Operator.EQ:
        return value in operands
    if isinstance(value, str):
        return fnmatchcase(value, str(operands[0]))
    first, last = Decimal(operands[0]), Decimal(operands[-1])
    match operator:
        case Operator.LT:
            return value < first
        case Operator.LTE:
            return value <= first
        case Operator.GT:
            return value > first
        case Operator.GTE:
            return value >= first
        case _:
            return first <= value <= last


def _is_within(window: TimeWindow, case: PolicyCase) -> bool:
    local = case.now.astimezone(window.zone)
    minute = local.hour * 60 + local.minute
    if window.start_minute < window.end_minute:
        return window.start_minute <= minute < window.end_minute
    return minute >= window.start_minute or minute < window.end_minute


def _ask(policy: Policy, case: PolicyCase) -> _Heard | None:
    """Every rule of a policy; None when it has nothing to say about a plan that only reduces."""
    is_opening = bool(case.opening)
    matched = [
        rule
        for rule in policy.rules
        if (is_opening or rule.applies_to_closes) and _applies(rule, answer=holds(rule.when, case))
    ]
    if not is_opening and not matched:
        return None
    actions = tuple(rule.then for rule in matched)
    outcome = _strictest(action.outcome for action in actions)
    is_allowed = not is_opening or any(action.outcome is PolicyOutcome.ALLOW for action in actions)
    detail = ""
    if policy.default is PolicyOutcome.DENY and not is_allowed and outcome is not PolicyOutcome.DENY:
        outcome, detail = PolicyOutcome.DENY, "no rule allows it, and the default is deny"
    verdict = PolicyVerdict(
        policy=policy.name,
        version=policy.version,
        outcome=outcome,
        shadow=policy.mode is PolicyMode.SHADOW,
        matches=tuple(_match(rule, case) for rule in matched),
        detail=detail,
    )
    return _Heard(verdict, actions)


def _applies(rule: PolicyRule, *, answer: bool | None) -> bool:
    """Not knowing means less risk: a rule that restrains applies, one that allows does not."""
    return rule.then.outcome is not PolicyOutcome.ALLOW if answer is None else answer


def _match(rule: PolicyRule, case: PolicyCase) -> PolicyMatch:
    return PolicyMatch(
        rule=rule.rule_id,
        then=describe_action(rule.then),
        inputs={field: case.text(field) for field in rule.fields},
        unknown=tuple(field for field in rule.fields if case.value(field) is None),
    )


def describe_action(action: Action) -> str:
    """What a rule does, in its own words."""
    match action.outcome:
        case PolicyOutcome.SCALE:
            return f"scale {format_amount(action.factor)}"
        case PolicyOutcome.DELAY:
            return f"delay {format_amount(Decimal(action.delay_ms) / 1_000)} s"
        case outcome:
            return outcome.value


def _describe_match(match: PolicyMatch) -> str:
    inputs = ", ".join(f"{name} = {value}" for name, value in match.inputs.items())
    return f"rule {match.rule}{f' ({inputs})' if inputs else ''}"


def _strictest(outcomes: Iterable[PolicyOutcome]) -> PolicyOutcome:
    return max(outcomes, key=STRICTNESS.index, default=PolicyOutcome.ALLOW)


def _wait(case: PolicyCase, delay_ms: int, verdicts: tuple[PolicyVerdict, ...]) -> Forbidden | Postponed | None:
    """Until when a request waits, counted from its signal, so that a restart finds the same moment; None: it did."""
    request = case.request
    until_ms = request.cause_at_ms + delay_ms
    words = f"a policy delays it by {format_amount(Decimal(delay_ms) / 1_000)} s"
    if until_ms > request.valid_until_ms:
        message = f"{words}, but it is valid for {request.valid_until_ms - request.cause_at_ms} ms only"
        return Forbidden(reason_code=POLICY_REJECTED, message=message, plan=case.plan, verdicts=verdicts)
    if case.view.now_ms < until_ms:
        at = (case.now + timedelta(milliseconds=until_ms - case.view.now_ms)).strftime("%H:%M:%S UTC")
        return Postponed(until_ms=until_ms, message=f"{words}, until {at}", plan=case.plan, verdicts=verdicts)
    ledger = case.view.book.ledger
    if any(is_superseded(request, state.request) for state in (*ledger.open.values(), *ledger.ended.values())):
        message = f"{words}, and meanwhile a newer request for {request.symbol} came"
        return Forbidden(reason_code=SUPERSEDED, message=message, plan=case.plan, verdicts=verdicts)
    return None


def _scale(case: PolicyCase, enforced: Sequence[_Heard], verdicts: tuple[PolicyVerdict, ...]) -> PolicyDecision:
    factor, rules = ONE, []
    for one in enforced:
        for action, match in zip(one.actions, one.verdict.matches, strict=True):
            if action.outcome is PolicyOutcome.SCALE:
                factor *= action.factor
                rules.append(f"{one.verdict.policy} v{one.verdict.version} {match.rule}")
    scaled = scale_plan(case, factor, ", ".join(rules))
    match scaled:
        case Plan():
            return Permitted(plan=scaled, verdicts=verdicts)
        case Nothing() | Refusal():
            return Forbidden(
                reason_code=scaled.reason_code,
                message=scaled.message,
                plan=msgspec.structs.replace(case.plan, sizing=scaled.lines),
                verdicts=verdicts,
                numbers=scaled.numbers if isinstance(scaled, Refusal) else {},
                is_needless=isinstance(scaled, Nothing),
            )
