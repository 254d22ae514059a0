"""The gate before every order: all checks, always, in one pure function; only here is an order approved."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from fairlead.core.model.order import ApprovedOrder, Order
from fairlead.core.model.request import OrderRequest
from fairlead.core.model.risk import ONLY_REDUCES, CheckCode, CheckOutcome, RiskCheck, RiskVerdict
from fairlead.core.rules.account_view import AccountView
from fairlead.core.rules.risk_checks import funds, gates, history, holdings, liquidity, losses
from fairlead.core.rules.risk_checks import order as one_order
from fairlead.core.rules.risk_checks.explain import explain_check
from fairlead.core.rules.risk_checks.facts import Facts, Pending, read_facts, skipped
from fairlead.core.rules.risk_checks.limits import limits_of, loss_limits, merge_limits

__all__ = ["Denied", "check_order", "check_orders", "explain_check", "limits_of", "loss_limits", "merge_limits"]

_Check = Callable[[Facts], RiskCheck]
_DENY: Final = CheckOutcome.DENY

# Asked of every order, because they are about whether it can exist at all.
ALWAYS: Final[tuple[tuple[CheckCode, _Check], ...]] = (
    (CheckCode.KILL, gates.check_kill),
    (CheckCode.STATE, gates.check_state),
    (CheckCode.SIZE, one_order.check_size),
    (CheckCode.BALANCE, funds.check_balance),
    (CheckCode.STOP_SIDE, one_order.check_stop_side),
)
# Asked only of orders that may add risk: a limit never keeps anybody from reducing.
LIMITS: Final[tuple[tuple[CheckCode, _Check], ...]] = (
    (CheckCode.STALE_DATA, gates.check_quote),
    (CheckCode.STALE_SIGNAL, gates.check_signal),
    (CheckCode.DUP, gates.check_duplicate),
    (CheckCode.RATE, gates.check_rate),
    (CheckCode.RATE, gates.check_symbol_rate),
    (CheckCode.MAX_ORDER, one_order.check_order_notional),
    (CheckCode.COLLAR, one_order.check_collar),
    (CheckCode.SELF_MATCH, one_order.check_self_match),
    (CheckCode.POS, holdings.check_position),
    (CheckCode.GROSS, holdings.check_gross),
    (CheckCode.NET, holdings.check_net),
    (CheckCode.LEV, holdings.check_exposure_leverage),
    (CheckCode.LEV, holdings.check_leverage),
    (CheckCode.LIQ_DIST, funds.check_liquidation),
    (CheckCode.MAX_OPEN, holdings.check_open_positions),
    (CheckCode.MAX_OPEN, holdings.check_open_orders),
    (CheckCode.DAY_LOSS, losses.check_day_loss),
    (CheckCode.WEEK_LOSS, losses.check_week_loss),
    (CheckCode.DD, losses.check_month_loss),
    (CheckCode.DD, losses.check_drawdown),
    (CheckCode.STREAK, history.check_streak),
    (CheckCode.COOLDOWN, history.check_cooldown),
    (CheckCode.REPEAT, history.check_repeat),
    (CheckCode.FAT_FINGER, history.check_fat_finger),
    (CheckCode.ADV, liquidity.check_volume),
    (CheckCode.ADV, liquidity.check_depth),
    (CheckCode.CORR, holdings.check_cluster),
    (CheckCode.FUNDING, liquidity.check_funding),
    (CheckCode.SESSION, gates.check_session),
    (CheckCode.RECON, gates.check_reconciled),
    (CheckCode.EXPOSURE_USER, holdings.check_user_exposure),
)
_ASKED_ALWAYS: Final = tuple(check for _, check in ALWAYS)
_ASKED_OF_RISK: Final = tuple(check for _, check in LIMITS)
_LIMITS_SKIPPED: Final = tuple(skipped(code, ONLY_REDUCES) for code in dict.fromkeys(code for code, _ in LIMITS))


class Denied(msgspec.Struct, frozen=True, kw_only=True):
    """An order that may not exist, and every check that was made."""

    order: Order
    verdict: RiskVerdict


def check_order(order: Order, request: OrderRequest, view: AccountView) -> ApprovedOrder | Denied:
    """Check one order against the account as it is; every check is made, also after the first that denies."""
    return _judge(order, request, view, Pending(view))


def check_orders(
    orders: Sequence[Order],
    request: OrderRequest,
    view: AccountView,
) -> tuple[ApprovedOrder | Denied, ...]:
    """Check the legs of one request in turn, each with those approved before it reserved."""
    pending = Pending(view)
    return tuple(_judge(order, request, view, pending) for order in orders)


def _judge(order: Order, request: OrderRequest, view: AccountView, pending: Pending) -> ApprovedOrder | Denied:
    facts = read_facts(order, request, view, pending)
    checks = [check(facts) for check in _ASKED_ALWAYS]
    checks += _LIMITS_SKIPPED if facts.effect.reduces else [check(facts) for check in _ASKED_OF_RISK]
    approved = _DENY not in [check.outcome for check in checks]
    verdict = RiskVerdict(order_id=order.order_id, approved=approved, profile=view.profile, checks=tuple(checks))
    if approved:
        return ApprovedOrder(order, verdict)
    pending.remove_last()
    return Denied(order=order, verdict=verdict)
