from __future__ import annotations

from decimal import Decimal
from itertools import permutations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.accounts.policies import read_policy
from fairlead.core.model.account import PositionSide
from fairlead.core.model.loss import LossStanding
from fairlead.core.model.money import ZERO
from fairlead.core.model.policy import AllOf, AnyOf, Comparison, Condition, Not, Operator, Policing, PolicyOutcome
from fairlead.core.model.request import SetTarget, Side, SourceKind, TargetPosition
from fairlead.core.rules.account_view import AccountView
from fairlead.core.rules.plan import Plan
from fairlead.core.rules.policy import (
    Forbidden,
    Permitted,
    PolicyDecision,
    Postponed,
    apply_policies,
    describe_verdict,
    holds,
)
from fairlead.core.rules.policy_facts import FIELDS, PolicyCase
from tests.core.risk_world import LINEAR, NOW_MS, SPOT, balance, order, position, request, view

D = Decimal
NO_LINEAR = '[[rules]]\nid = "no-linear"\nthen = "deny"\nwhen = {field = "kind", eq = "linear_perpetual"}\n'
HALF = '[[rules]]\nid = "half"\nthen = {scale = 0.5}\n'


def judge(
    *rules: str, head: str = "", legs: Plan | None = None, seen: AccountView | None = None, **changes: object
) -> PolicyDecision:
    policy = read_policy("mine", 1, "schema = 1\n" + head + "".join(rules))
    asked = request(**{"symbol": LINEAR, **changes})
    return apply_policies(asked, legs or plan(), seen or view(), Policing(policies=(policy,), source="my-hook"))


def plan(*quantities: str | int, symbol: str = LINEAR, **changes: object) -> Plan:
    legs = [
        order(symbol, order_id=f"o{leg}", quantity=D(quantity), leg=leg, **changes)
        for leg, quantity in enumerate(quantities or (2,))
    ]
    return Plan(legs=tuple(legs), sizing=())


def rule(action: str, *, name: str = "r", when: str = "") -> str:
    return f'[[rules]]\nid = "{name}"\nthen = {action}\n{f"when = {when}" if when else ""}\n'


def quantities(decision: PolicyDecision) -> list[Decimal]:
    assert isinstance(decision, Permitted), decision
    return [leg.quantity for leg in decision.plan.legs]


def test_without_policies_the_plan_goes_on_untouched() -> None:
    wished = plan()
    assert apply_policies(request(), wished, view(), Policing()) == Permitted(plan=wished)


def test_a_deny_names_rule_version_and_inputs() -> None:
    decision = judge(NO_LINEAR)
    assert isinstance(decision, Forbidden)
    assert decision.reason_code == "policy_rejected"
    assert decision.message == "policy mine v1 says deny: rule no-linear (kind = linear_perpetual)"


def test_a_rule_that_does_not_hold_says_nothing() -> None:
    decision = judge(NO_LINEAR, legs=plan("0.02", symbol=SPOT), symbol=SPOT)
    assert isinstance(decision, Permitted)
    assert [verdict.matches for verdict in decision.verdicts] == [()]


def test_deny_wins_in_whatever_order_the_rules_stand() -> None:
    actions = ['"allow"', '"deny"', '"require_approval"', "{scale = 0.5}", '{delay = "1s"}']
    for shuffled in permutations(actions):
        decision = judge(*(rule(action, name=f"r{number}") for number, action in enumerate(shuffled)))
        assert isinstance(decision, Forbidden)
        assert decision.reason_code == "policy_rejected"
        assert len(decision.verdicts[0].matches) == len(actions)


def test_approval_comes_before_delay_and_delay_before_scale() -> None:
    approval = judge(rule('"require_approval"', name="a"), rule('{delay = "1s"}', name="b"), HALF)
    assert isinstance(approval, Forbidden)
    assert approval.reason_code == "approval_required"
    delayed = judge(rule('{delay = "10s"}', name="a"), rule('{delay = "7s"}', name="b"), HALF)
    assert isinstance(delayed, Postponed)
    assert delayed.until_ms == NOW_MS - 1_000 + 10_000


def test_scales_multiply_and_leave_a_line() -> None:
    decision = judge(HALF, rule("{scale = 0.5}", name="again"), legs=plan(8))
    assert quantities(decision) == [2]
    assert isinstance(decision, Permitted)
    (line,) = decision.plan.sizing
    assert (line.label, line.result) == ("policy", "2 contracts")
    assert "mine v1 half, mine v1 again" in line.formula


def test_a_scaled_size_is_whole_lots_and_never_below_the_least_order() -> None:
    assert quantities(judge(rule("{scale = 0.333}"), legs=plan(1))) == [D("0.33")]
    decision = judge(rule("{scale = 0.5}"), legs=plan("0.01"))
    assert isinstance(decision, Forbidden)
    assert decision.reason_code == "below_min_size"
    assert decision.numbers == {"quantity": "0", "quantity_min": "0.01"}


def test_scaled_legs_keep_their_greatest_size_and_drop_from_the_end() -> None:
    assert quantities(judge(HALF, legs=plan(10, 10, 5))) == [10, D("2.5")]


def test_a_policy_judges_only_what_may_add_risk_unless_a_rule_wants_closes_too() -> None:
    held = view(position(LINEAR, 5))
    closing = plan(2, side=Side.SELL, reduce_only=True)
    assert isinstance(judge(NO_LINEAR, seen=held, legs=closing), Permitted)
    assert isinstance(judge(head='defaults = "deny"\n', seen=held, legs=closing), Permitted)
    wanted = NO_LINEAR + "applies_to_closes = true\n"
    assert isinstance(judge(wanted, seen=held, legs=closing), Forbidden)


def test_two_orders_that_together_flip_a_position_are_no_close() -> None:
    both = plan(4, 4, side=Side.SELL)
    assert isinstance(judge(NO_LINEAR, seen=view(position(LINEAR, 5)), legs=both), Forbidden)


def test_selling_spot_that_is_held_is_a_close() -> None:
    held = view(balance("BTC", 1))
    selling = plan("0.5", symbol=SPOT, side=Side.SELL)
    assert isinstance(judge(rule('"deny"'), seen=held, legs=selling, symbol=SPOT), Permitted)


def test_a_kill_switch_is_never_judged() -> None:
    decision = judge(rule('"deny"') + "applies_to_closes = true\n", source_kind=SourceKind.SYSTEM)
    assert isinstance(decision, Permitted)


def test_with_default_deny_only_what_a_rule_allows_passes() -> None:
    head = 'defaults = "deny"\n'
    allowed = rule('"allow"', name="btc", when='{field = "asset", eq = "BTC"}')
    assert isinstance(judge(head=head), Forbidden)
    assert isinstance(judge(HALF, head=head), Forbidden)
    assert isinstance(judge(allowed, HALF, head=head), Permitted)


def test_what_nobody_can_tell_counts_for_less_risk_and_is_named() -> None:
    blind = view(quotes={})
    when = '{field = "notional_usd", gt = 1}'
    denied = judge(rule('"deny"', when=when), seen=blind)
    assert isinstance(denied, Forbidden)
    assert denied.verdicts[0].matches[0].unknown == ("notional_usd",)
    assert isinstance(judge(rule('"allow"', when=when), head='defaults = "deny"\n', seen=blind), Forbidden)
    assert quantities(judge(rule("{scale = 0.5}", when=when), seen=blind)) == [1]


def test_a_shadow_policy_is_noted_and_changes_nothing() -> None:
    decision = judge(NO_LINEAR, HALF, head='mode = "shadow"\n')
    assert quantities(decision) == [2]
    assert isinstance(decision, Permitted)
    (verdict,) = decision.verdicts
    assert (verdict.outcome, verdict.shadow) == (PolicyOutcome.DENY, True)
    assert describe_verdict(verdict).endswith("(shadow: noted only)")


def test_the_strictest_of_several_policies_wins() -> None:
    allowing = read_policy("a", 1, "schema = 1\n" + rule('"allow"'))
    denying = read_policy("b", 1, "schema = 1\n" + rule('"deny"'))
    for policies in ((allowing, denying), (denying, allowing)):
        decision = apply_policies(request(symbol=LINEAR), plan(), view(), Policing(policies=policies))
        assert isinstance(decision, Forbidden)
        assert len(decision.verdicts) == 2


def test_a_delay_ends_at_the_same_moment_whenever_it_is_asked_for() -> None:
    delay = rule('{delay = "20s"}')
    for age_ms in (0, 5_000, 19_999):
        decision = judge(delay, cause_at_ms=NOW_MS - age_ms)
        assert isinstance(decision, Postponed)
        assert decision.until_ms == NOW_MS - age_ms + 20_000
    assert isinstance(judge(delay, cause_at_ms=NOW_MS - 20_000), Permitted)


def test_a_delay_beyond_the_life_of_a_request_denies_it() -> None:
    decision = judge(rule('{delay = "2m"}'))
    assert isinstance(decision, Forbidden)
    assert "valid for 61000 ms only" in decision.message


def test_a_scaled_target_does_not_come_closer_to_the_whole_each_time_it_is_asked_for() -> None:
    target = SetTarget(target=TargetPosition.LONG)
    assert quantities(judge(HALF, legs=plan(10), intent=target)) == [5]
    # Five of the ten are held, so the plan is for five more, and half of the target is reached.
    decision = judge(HALF, legs=plan(5), seen=view(position(LINEAR, 5)), intent=target)
    assert isinstance(decision, Forbidden)
    assert (decision.is_needless, decision.reason_code) == (True, "target_reached")


@pytest.mark.parametrize(
    ("minutes", "window", "zone", "inside"),
    [
        (0, '["08:00", "09:00"]', "UTC", True),
        (60, '["08:00", "09:00"]', "UTC", False),
        (-1, '["08:00", "09:00"]', "UTC", False),
        (0, '["23:00", "09:00"]', "UTC", True),
        (0, '["09:00", "08:00"]', "UTC", False),
        (0, '["09:00", "10:00"]', "Europe/Berlin", True),
    ],
)
def test_a_time_window_is_of_its_zone_and_excludes_its_end(
    minutes: int, window: str, zone: str, *, inside: bool
) -> None:
    # 2027-01-15 08:00 UTC, in winter.
    now = view(now_ms=NOW_MS + minutes * 60_000)
    when = f'{{time_between = {window}, zone = "{zone}"}}'
    assert isinstance(judge(rule('"deny"', when=when), seen=now, valid_until_ms=NOW_MS * 2), Forbidden) is inside


@pytest.mark.parametrize(
    ("when", "is_met"),
    [
        ('{field = "symbol", like = "BTC-*"}', True),
        ('{field = "symbol", like = "btc-*"}', False),
        ('{field = "asset", in = ["ETH", "BTC"]}', True),
        ('{not = {field = "asset", in = ["ETH", "BTC"]}}', False),
        ('{field = "notional_usd", gt = 1000}', False),
        ('{field = "notional_usd", gte = 1000}', True),
        ('{field = "notional_usd", between = [1000, 1000]}', True),
        ('{field = "notional_usd", lt = 1000}', False),
        ('{field = "notional_usd", lte = 1000.0}', True),
        ('{field = "equity_share", eq = 0.1}', True),
        ('{field = "weekday", eq = "fri"}', True),
        ('{field = "hour", eq = 8}', True),
        ('{field = "leverage", gt = 4.5}', True),
        ('{field = "source", eq = "my-hook"}', True),
        ('{any = [{field = "side", eq = "sell"}, {field = "mode", eq = "paper"}]}', True),
        ('{all = [{field = "side", eq = "buy"}, {field = "has_stop_loss", eq = "yes"}]}', False),
    ],
)
def test_each_operator_compares_exactly(when: str, *, is_met: bool) -> None:
    assert isinstance(judge(rule('"deny"', when=when)), Forbidden) is is_met


def test_every_field_can_be_read_of_an_ordinary_order() -> None:
    lost = LossStanding(day_loss=ZERO, week_loss=ZERO, month_loss=ZERO, drawdown=ZERO)
    case = PolicyCase(request(symbol=LINEAR), plan(), view(position(LINEAR, 1), losses=lost), "my-hook")
    for name, field in FIELDS.items():
        value = case.value(name)
        assert isinstance(value, Decimal if field.is_number else str), name
        assert not field.words or value in field.words, name


_ANSWERS = st.sampled_from(["side", "source", "nobody"])


@st.composite
def conditions(draw: st.DrawFn, depth: int = 3) -> Condition:
    kind = draw(st.sampled_from(["leaf", "all", "any", "not"])) if depth else "leaf"
    match kind:
        case "leaf":
            field = draw(st.sampled_from(["side", "quote_age_ms"]))
            if field == "side":
                return Comparison("side", Operator.EQ, (draw(st.sampled_from(["buy", "sell"])),))
            return Comparison(field, Operator.GTE, (ZERO,))
        case "not":
            return Not(draw(conditions(depth=depth - 1)))
        case _:
            parts = tuple(draw(st.lists(conditions(depth=depth - 1), min_size=1, max_size=3)))
            return AllOf(parts) if kind == "all" else AnyOf(parts)


@given(conditions())
def test_an_answer_found_without_an_input_stands_once_the_input_is_known(condition: Condition) -> None:
    blind = PolicyCase(request(symbol=LINEAR), plan(), view(quotes={}), "")
    seeing = PolicyCase(request(symbol=LINEAR), plan(), view(), "")
    answer = holds(condition, blind)
    assert answer is None or holds(condition, seeing) is answer


@given(
    st.lists(st.decimals(min_value="0.01", max_value=1, places=2), min_size=1, max_size=4),
    st.decimals(min_value="0.01", max_value=50, places=2),
)
def test_a_policy_never_makes_an_order_larger(factors: list[Decimal], quantity: Decimal) -> None:
    rules = [rule(f"{{scale = {factor}}}", name=f"r{number}") for number, factor in enumerate(factors)]
    decision = judge(*rules, legs=plan(str(quantity)))
    if isinstance(decision, Permitted):
        assert sum(quantities(decision)) <= quantity


def test_a_hedged_short_is_judged_by_its_own_side() -> None:
    held = view(position(LINEAR, 5, position_side=PositionSide.LONG))
    short = plan(2, side=Side.SELL, position_side=PositionSide.SHORT)
    assert isinstance(judge(NO_LINEAR, seen=held, legs=short), Forbidden)
    assert msgspec.json.encode(judge(NO_LINEAR, seen=held, legs=short).verdicts)
