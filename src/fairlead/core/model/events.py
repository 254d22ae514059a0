"""The facts that the journal keeps: past tense, complete enough to rebuild every table and to explain every order."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from fairlead.core.model.account import MarginMode, PositionMode, PositionSide
from fairlead.core.model.bots.events import BotEvent
from fairlead.core.model.drift import Drift, DriftWay
from fairlead.core.model.latch import Latch
from fairlead.core.model.loss import LossLatch, LossPeriod, LossStep
from fairlead.core.model.order import Fill, Order
from fairlead.core.model.policy import PolicyVerdict
from fairlead.core.model.preview import Preview
from fairlead.core.model.protection import ProtectionChanged
from fairlead.core.model.reports import ReportBorn, VenuePosition
from fairlead.core.model.request import OrderRequest
from fairlead.core.model.risk import RiskVerdict


class AlertReceived(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A call that named a hook and its token, stored before it was answered; the token is blanked in ``body``."""

    alert_id: str
    hook_id: str
    duplicate_key: str
    explicit_key: bool
    body: bytes
    content_type: str
    source_address: str
    received_ms: int


class AlertDuplicated(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The same alert again: nothing was done but this note."""

    alert_id: str
    hook_id: str
    duplicate_of: str
    source_address: str
    received_ms: int


class AlertHandled(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """What became of an alert at the edge: its verdict, how its symbol was read, and the requests it made.

    ``verdict`` is ``accepted``, ``stale``, ``denied`` or ``dry_run``; ``mapping`` is (text in the alert, instrument).
    ``account_labels`` are the accounts that it was for, also where no request came of it (empty in old journals).
    """

    alert_id: str
    verdict: str
    reason_code: str
    detail: str
    mapping: tuple[str, str]
    warnings: tuple[str, ...]
    request_ids: tuple[str, ...]
    at_ms: int
    account_labels: tuple[str, ...] = ()
    is_dry_run: bool = False


class OrderRequested(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A source asked for something on one account."""

    request: OrderRequest


class SizingLine(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a size computation, for people: what, how, and the result with its unit."""

    label: str
    formula: str
    result: str


class OrderApproved(msgspec.Struct, frozen=True, kw_only=True, tag=True, omit_defaults=True):
    """Risk said yes; committed before the first byte leaves. ``more`` is set while the request will plan more legs."""

    order: Order
    verdict: RiskVerdict
    sizing: tuple[SizingLine, ...]
    more: bool = False
    policies: tuple[PolicyVerdict, ...] = ()


class RequestDenied(msgspec.Struct, frozen=True, kw_only=True, tag=True, omit_defaults=True):
    """We refused: nothing left us. ``verdict`` is None when sizing or a policy already said no."""

    request_id: str
    account_id: str
    reason_code: str
    message: str
    numbers: dict[str, str]
    sizing: tuple[SizingLine, ...]
    verdict: RiskVerdict | None
    at_ms: int
    policies: tuple[PolicyVerdict, ...] = ()


class RequestSkipped(msgspec.Struct, frozen=True, kw_only=True, tag=True, omit_defaults=True):
    """Nothing needed doing (closing nothing, target already reached, dry run): a success with quantity zero.

    ``preview`` is what a dry run would have sent.
    """

    request_id: str
    account_id: str
    reason_code: str
    message: str
    sizing: tuple[SizingLine, ...]
    verdict: RiskVerdict | None
    order: Order | None
    at_ms: int
    preview: Preview | None = None
    policies: tuple[PolicyVerdict, ...] = ()


class RequestExpired(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Too old to be sent safely."""

    request_id: str
    account_id: str
    valid_until_ms: int
    at_ms: int


class RequestWarned(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Something about a request that its sender should know, though it neither stops nor changes it."""

    request_id: str
    account_id: str
    warnings: tuple[str, ...]
    at_ms: int


class OrderAccepted(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The venue has the order."""

    order_id: str
    account_id: str
    venue_order_id: str
    at_ms: int


class OrderRejected(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The venue refused it; ``reason_code`` is the venue's code, ``message`` its own text."""

    order_id: str
    account_id: str
    reason_code: str
    message: str
    at_ms: int


class OrderUnknown(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """No answer that tells: the order is asked about until it is settled."""

    order_id: str
    account_id: str
    message: str
    at_ms: int


class OrderFilled(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """One execution of an order (the order itself may have more to come)."""

    account_id: str
    fill: Fill
    is_last: bool


class OrderCanceled(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The rest of the order is gone."""

    order_id: str
    account_id: str
    reason_code: str
    message: str
    at_ms: int


class OrderExpired(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """It certainly never reached the venue: its deadline passed and the venue does not know it."""

    order_id: str
    account_id: str
    message: str
    at_ms: int


class VenueOrderBorn(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The venue made an order itself (attached stop or take-profit, liquidation)."""

    account_id: str
    report: ReportBorn


class CancelRequested(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """We are about to ask the venue to cancel these orders.

    ``why`` is empty when the request is about that, or begins with it. Otherwise the cancel follows from what the
    request did, and ``request_id`` is empty where it follows from nobody's.
    """

    request_id: str
    account_id: str
    order_ids: tuple[str, ...]
    at_ms: int
    why: str = ""


class LeverageChanged(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The venue confirmed a leverage setting, made for a request."""

    account_id: str
    symbol: str
    margin_mode: MarginMode
    position_side: PositionSide
    leverage: Decimal
    at_ms: int
    request_id: str = ""


class CashAdjusted(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Cash moved without a fill: funding, a liquidation's shortfall, a deposit."""

    account_id: str
    adjustment: str
    kind: str
    currency: str
    amount: Decimal
    symbol: str
    position_side: PositionSide | None
    at_ms: int


class AccountAdopted(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The venue's own view, taken as ours when an account is first seen or a drift is settled."""

    tenant: str
    account_id: str
    position_mode: PositionMode
    balances: dict[str, Decimal]
    positions: tuple[VenuePosition, ...]
    at_ms: int


class DriftFound(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Where our record and the venue's differ from now on; lines are ``what: ours, theirs``, and none says nowhere.

    ``drifts`` has them one by one, with those that somebody lives with (empty in old journals).
    """

    account_id: str
    differences: tuple[str, ...]
    at_ms: int
    drifts: tuple[Drift, ...] = ()


class DriftSettled(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A drift was settled by a person, or by a policy that its owner chose."""

    account_id: str
    drift: Drift
    way: DriftWay
    decided_by: str
    reason: str
    at_ms: int


class PositionAdopted(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """One position as the venue has it, taken as ours to settle a drift; a quantity of zero says that it is gone."""

    tenant: str
    account_id: str
    position: VenuePosition
    at_ms: int


class AccountRecovered(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The account was opened after a start or a halt: what was asked, and what it found."""

    account_id: str
    orders_asked: int
    orders_in_doubt: int
    requests_resumed: int
    differences: int
    at_ms: int


class DeskRebuilt(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The account took no orders for a while, because of ``reason``, and was rebuilt from what is stored."""

    account_id: str
    reason: str
    at_ms: int


class LossPeriodStarted(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A day, week or month of the account's user began, with the equity that losses are counted from."""

    account_id: str
    period: LossPeriod
    at_ms: int


class EquityPeakMoved(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Equity in USD rose clearly above its highest so far."""

    account_id: str
    peak_equity: Decimal
    at_ms: int


class LossLimitReached(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A limit of the loss ladder was reached, and holds until its latch says."""

    account_id: str
    latch: LossLatch
    at_ms: int


class LossLimitLifted(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A person resumed after a loss, for ``reason``: from now on it is counted from ``equity`` in USD."""

    account_id: str
    step: LossStep
    equity: Decimal
    reason: str
    at_ms: int


class TransferCounted(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Cash that came in (positive) or went out is no profit and no loss: its worth, and the equity without it."""

    account_id: str
    adjustment: str
    amount_usd: Decimal
    equity_before_usd: Decimal
    at_ms: int


class KillSwitchSet(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A latch was set, or is now being lifted (``latch.clearing``)."""

    latch: Latch
    at_ms: int


class KillSwitchCleared(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A latch was lifted, after every account that it covered was compared with its venue."""

    latch: Latch
    at_ms: int


LossEvent = LossPeriodStarted | EquityPeakMoved | LossLimitReached | LossLimitLifted | TransferCounted
AccountEvent = (
    OrderRequested
    | OrderApproved
    | RequestDenied
    | RequestSkipped
    | RequestExpired
    | RequestWarned
    | OrderAccepted
    | OrderRejected
    | OrderUnknown
    | OrderFilled
    | OrderCanceled
    | OrderExpired
    | VenueOrderBorn
    | CancelRequested
    | LeverageChanged
    | CashAdjusted
    | AccountAdopted
    | DriftFound
    | DriftSettled
    | PositionAdopted
    | AccountRecovered
    | DeskRebuilt
    | ProtectionChanged
    | LossPeriodStarted
    | EquityPeakMoved
    | LossLimitReached
    | LossLimitLifted
    | TransferCounted
)
AlertEvent = AlertReceived | AlertDuplicated | AlertHandled
SwitchEvent = KillSwitchSet | KillSwitchCleared
Event = AlertEvent | AccountEvent | SwitchEvent | BotEvent
