"""What an account has: cash per currency, positions, and how much of the cash is spoken for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from msgspec.structs import replace

from fairlead.core.model.account import Balance, MarginMode, Position, PositionSide
from fairlead.core.model.events import AccountAdopted, CashAdjusted, LeverageChanged
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.money import ZERO
from fairlead.core.model.order import Fill, Order
from fairlead.core.model.reports import VenuePosition
from fairlead.core.model.request import Side
from fairlead.core.rules.holds import hold_of, opening_quantity
from fairlead.core.rules.margin import initial_margin
from fairlead.core.rules.position_state import apply_fill, apply_funding

FUNDING = "funding"

PositionKey = tuple[str, PositionSide]


class Holdings:
    """Balances and positions of one account.

    ``reserved`` of a currency is the sum of ``holds`` (open orders) and ``isolated`` (margin of isolated positions):
    each entry is taken back as exactly the amount that it added, so nothing leaks.
    """

    __slots__ = ("_touched", "account_id", "balances", "holds", "isolated", "positions", "tenant")

    def __init__(self, tenant: str, account_id: str) -> None:
        """Start with nothing."""
        self.tenant = tenant
        self.account_id = account_id
        self.balances: dict[str, Balance] = {}
        self.positions: dict[PositionKey, Position] = {}
        self.holds: dict[str, tuple[str, Decimal]] = {}
        self.isolated: dict[PositionKey, tuple[str, Decimal]] = {}
        self._touched: dict[str, None] = {}

    def drain_touched(self) -> list[Balance]:
        """Balances that changed since the last call."""
        touched = [self.balances[currency] for currency in self._touched]
        self._touched.clear()
        return touched

    def fix_opening(self, order: Order, instrument: Instrument) -> Order:
        """Note in a new perpetual order how much of it would open, by what is held now."""
        if instrument.is_spot or order.origin:
            return order
        position = self.positions.get((order.symbol, order.position_side))
        opening = opening_quantity(order, ZERO if position is None else position.signed_quantity)
        return order if opening == order.quantity else replace(order, opening_quantity=opening)

    def hold_for(self, order: Order, instrument: Instrument) -> None:
        """Reserve what the order now needs, in place of what it held before."""
        order_id = order.order_id
        currency, amount = hold_of(order, instrument)
        _, held = self.holds.get(order_id, (currency, ZERO))
        if amount != held:
            self._move(currency, ZERO, amount - held)
        if amount:
            self.holds[order_id] = (currency, amount)
        else:
            self.holds.pop(order_id, None)

    def fill(self, order: Order, fill: Fill, instrument: Instrument) -> list[Position]:
        """Book one fill; returns the position that it changed, if it was of a perpetual."""
        if instrument.is_spot:
            self._fill_spot(order.side, fill, instrument)
            return []
        key = (order.symbol, order.position_side)
        position = self.positions.get(key) or self._flat_position(order)
        changed, realized = apply_fill(position, order.side, fill.price, fill.quantity, fill.fee, instrument)
        self._put_position(key, changed, instrument)
        if realized:
            self._move(instrument.settle_currency, realized, ZERO)
        self._move(fill.fee_currency, -fill.fee, ZERO)
        return [changed]

    def adjust(self, event: CashAdjusted) -> list[Position]:
        """Move cash without a fill; funding is noted on its position too."""
        self._move(event.currency, event.amount, ZERO)
        if event.kind != FUNDING or event.position_side is None:
            return []
        key = (event.symbol, event.position_side)
        position = self.positions.get(key)
        if position is None:
            return []
        self.positions[key] = changed = apply_funding(position, event.amount)
        return [changed]

    def set_leverage(self, event: LeverageChanged, instrument: Instrument) -> list[Position]:
        """Give the positions of a setting their new leverage: isolated margin changes with it."""
        changed = []
        for key, position in list(self.positions.items()):
            same = position.symbol == event.symbol and position.margin_mode is event.margin_mode
            # The setting of a net account, and of cross margin, covers both sides.
            covers = event.position_side in {PositionSide.NET, position.position_side}
            if same and covers and position.leverage != event.leverage:
                changed.append(replace(position, leverage=event.leverage))
                self._put_position(key, changed[-1], instrument)
        return changed

    def adopt(self, event: AccountAdopted, instruments: Iterable[Instrument | None]) -> list[Position]:
        """Take the venue's cash and positions for ours; what it does not list is gone.

        ``instruments`` are those of the event's positions, in turn.
        """
        changed = []
        for currency in {**self.balances, **event.balances}:
            before = self.balances[currency].total if currency in self.balances else ZERO
            self._move(currency, event.balances.get(currency, ZERO) - before, ZERO)
        listed = {(theirs.symbol, theirs.position_side) for theirs in event.positions if theirs.quantity}
        for key in [key for key in self.positions if key not in listed]:
            gone = replace(self.positions[key], quantity=ZERO, entry_price=ZERO, entry_cost=ZERO)
            self._put_position(key, gone, None)
            changed.append(gone)
        for theirs, instrument in zip(event.positions, instruments, strict=True):
            if theirs.quantity:
                changed += self.adopt_position(theirs, instrument)
        return changed

    def adopt_position(self, theirs: VenuePosition, instrument: Instrument | None) -> list[Position]:
        """Take one position of the venue for ours; a quantity of zero says that it is gone."""
        key = (theirs.symbol, theirs.position_side)
        known = self.positions.get(key)
        if known is None and not theirs.quantity:
            return []
        ours = known or Position(
            tenant=self.tenant,
            account_id=self.account_id,
            symbol=theirs.symbol,
            position_side=theirs.position_side,
            margin_mode=theirs.margin_mode,
            leverage=theirs.leverage,
        )
        if theirs.quantity:
            ours = replace(ours, margin_mode=theirs.margin_mode, leverage=theirs.leverage)
        adopted = replace(ours, quantity=theirs.quantity, entry_price=theirs.entry_price, entry_cost=ZERO)
        if adopted == known:
            return []
        self._put_position(key, adopted, instrument)
        return [adopted]

    def restore(
        self,
        *,
        balances: Iterable[Balance],
        positions: Iterable[Position],
        orders: Iterable[Order],
        instruments: Mapping[str, Instrument],
    ) -> None:
        """Take back what was stored; what orders and isolated positions keep reserved follows from them."""
        self.balances = {balance.currency: balance for balance in balances}
        for position in positions:
            key = (position.symbol, position.position_side)
            if position.quantity:
                self.positions[key] = position
                self.isolated.update({key: kept} if (kept := _isolated(position, instruments[position.symbol])) else {})
        for order in orders:
            currency, amount = hold_of(order, instruments[order.symbol])
            if amount:
                self.holds[order.order_id] = (currency, amount)

    def _fill_spot(self, side: Side, fill: Fill, instrument: Instrument) -> None:
        cost = fill.quantity * fill.price
        base, quote = fill.quantity, -cost
        if side is Side.SELL:
            base, quote = -base, cost
        self._move(instrument.base_currency, base, ZERO)
        self._move(instrument.quote_currency, quote, ZERO)
        self._move(fill.fee_currency, -fill.fee, ZERO)

    def _flat_position(self, order: Order) -> Position:
        return Position(
            tenant=self.tenant,
            account_id=self.account_id,
            symbol=order.symbol,
            position_side=order.position_side,
            margin_mode=order.margin_mode,
            leverage=order.leverage,
        )

    def _put_position(self, key: PositionKey, position: Position, instrument: Instrument | None) -> None:
        """Keep a position, or forget it when flat; its isolated margin follows."""
        if position.quantity:
            self.positions[key] = position
        else:
            self.positions.pop(key, None)
        currency, held = self.isolated.pop(key, ("", ZERO))
        kept = None if instrument is None else _isolated(position, instrument)
        if kept is not None:
            self.isolated[key] = kept
        currency, margin = kept or (currency, ZERO)
        if margin != held:
            self._move(currency, ZERO, margin - held)

    def _move(self, currency: str, total: Decimal, reserved: Decimal) -> None:
        before = self.balances.get(currency)
        if before is None:
            before = Balance(tenant=self.tenant, account_id=self.account_id, currency=currency)
        elif not total and not reserved:
            return
        self.balances[currency] = Balance(
            tenant=self.tenant,
            account_id=self.account_id,
            currency=currency,
            total=before.total + total,
            reserved=before.reserved + reserved,
        )
        self._touched[currency] = None


def _isolated(position: Position, instrument: Instrument) -> tuple[str, Decimal] | None:
    """Margin that an isolated position keeps for itself, and its currency."""
    if not position.quantity or position.margin_mode is not MarginMode.ISOLATED or not position.leverage:
        return None
    margin = initial_margin(instrument, position.quantity, position.entry_price, position.leverage)
    return instrument.settle_currency, margin
