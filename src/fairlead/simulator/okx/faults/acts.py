"""What is done to the exchange by hand: by a fault, or by whoever runs it."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from fairlead.core.model.instrument import InstrumentState
from fairlead.core.model.money import ZERO
from fairlead.simulator.account import PositionKey
from fairlead.simulator.okx.sockets.channel import Push
from fairlead.simulator.okx.sockets.codes import Close
from fairlead.simulator.orders import Done, Placed, Refused

if TYPE_CHECKING:
    from fairlead.simulator.okx.sockets.connection import SocketDesk
    from fairlead.simulator.okx.timekeeping import JumpingClock
    from fairlead.simulator.okx.venue import OkxVenue
    from fairlead.simulator.views import PositionView

MAINTENANCE_MS: Final = 600_000
"""How long a maintenance lasts unless told otherwise."""

NOTICES_KEPT_MAX: Final = 100
_BEYOND_LIQUIDATION: Final = Decimal("0.02")
"""A price this much beyond the liquidation price makes sure of it."""


class ActRefusedError(Exception):
    """It cannot be done; the text says why."""


class Acts:
    """Each does one thing to the exchange and lets everybody hear of it."""

    def __init__(self, venue: OkxVenue, sockets: SocketDesk, clock: JumpingClock) -> None:
        """Act on this venue."""
        self._venue = venue
        self._sockets = sockets
        self._clock = clock

    def change_balance(self, account_id: str, currency: str, amount: Decimal) -> None:
        """Pay cash in, or out if negative.

        Raises:
            ActRefusedError: there is no such account, or less is available.
        """
        self._check_account(account_id)
        exchange = self._venue.exchange
        if amount >= ZERO:
            done = exchange.deposit(account_id, currency, amount)
        else:
            done = exchange.withdraw(account_id, currency, -amount)
        _expect(done)

    def close_position(self, account_id: str, symbol: str = "") -> int:
        """Close at market what an account holds, of one instrument or of all; returns how many positions.

        Raises:
            ActRefusedError: there is nothing to close, or the exchange refuses.
        """
        held = self._held(account_id, symbol)
        for view in held:
            key = PositionKey(view.symbol, view.margin_mode, view.position_side)
            now_ms = self._venue.now_ms()
            _expect(self._venue.exchange.close_position(account_id, key, now_ms=now_ms, auto_cancel=True))
        return len(held)

    def liquidate(self, account_id: str, symbol: str = "") -> int:
        """Let the price touch the liquidation price of what an account holds, and go its own way again.

        Raises:
            ActRefusedError: nothing that it holds has a liquidation price.
        """
        held = [view for view in self._held(account_id, symbol) if view.liquidation_price is not None]
        if not held:
            message = f"no position of {account_id} can be liquidated by its price alone"
            raise ActRefusedError(message)
        for view in held:
            assert view.liquidation_price is not None
            sign = -1 if view.signed_quantity > ZERO else 1
            self.feed_price(view.symbol, view.liquidation_price * (1 + sign * _BEYOND_LIQUIDATION))
            self._venue.exchange.listing.release_price(view.symbol)
        return len(held)

    def feed_price(self, symbol: str, price: Decimal | None) -> None:
        """Pin an instrument to a price, or let go of it (None).

        Raises:
            ActRefusedError: there is no such instrument, or no such price.
        """
        self._check_symbol(symbol)
        if price is None:
            self._venue.exchange.listing.release_price(symbol)
            return
        if price <= ZERO:
            message = f"the price of {symbol} must be above zero"
            raise ActRefusedError(message)
        self._venue.exchange.feed_price(symbol, price, now_ms=self._venue.now_ms())
        self._venue.markets.read_tapes()

    def set_state(self, symbol: str, state: InstrumentState) -> None:
        """Suspend an instrument, or take it back into trading.

        Raises:
            ActRefusedError: there is no such instrument.
        """
        self._check_symbol(symbol)
        self._venue.exchange.set_state(symbol, state)

    def change_steps(self, symbol: str, *, tick_size: Decimal | None, lot_size: Decimal | None) -> None:
        """Change tick or lot; without either, ten times the tick.

        Raises:
            ActRefusedError: there is no such instrument, or no such step.
        """
        self._check_symbol(symbol)
        listing = self._venue.exchange.listing
        if tick_size is None and lot_size is None:
            tick_size = self._venue.exchange.instruments[symbol].tick_size * 10
        try:
            listing.change_steps(symbol, tick_size=tick_size, lot_size=lot_size)
        except ValueError as error:
            raise ActRefusedError(str(error)) from None

    def revoke_keys(self, account_id: str) -> int:
        """Delete the keys of an account and close its sockets; returns how many keys.

        Raises:
            ActRefusedError: it has none.
        """
        keys = [key.key for key in self._venue.keys if key.account_id == account_id]
        if not keys:
            message = f"no key opens an account {account_id!r}"
            raise ActRefusedError(message)
        for key in keys:
            self._venue.keys.revoke(key)
            self._sockets.drop_key(key)
        return len(keys)

    def freeze_keys(self, account_id: str, *, is_frozen: bool) -> int:
        """Freeze or thaw the keys of an account; freezing closes its sockets. Returns how many keys.

        Raises:
            ActRefusedError: it has none.
        """
        keys = [key for key in self._venue.keys if key.account_id == account_id]
        if not keys:
            message = f"no key opens an account {account_id!r}"
            raise ActRefusedError(message)
        for key in keys:
            key.is_frozen = is_frozen
            if is_frozen:
                self._sockets.drop_key(key.key)
        return len(keys)

    def jump_clock(self, jump_ms: int) -> None:
        """Set the clock of the exchange forward, or back."""
        self._clock.jump(jump_ms)
        # Nobody has been silent for longer because of that.
        for connection in self._sockets.connections.values():
            connection.active_ms += jump_ms

    def announce(self, duration_ms: int | None = None) -> dict[str, str]:
        """Tell all sockets that they will be closed, and list the maintenance; returns its row."""
        now_ms = self._venue.now_ms()
        lasts_ms = MAINTENANCE_MS if duration_ms is None else duration_ms
        row = _status_row(now_ms, now_ms + lasts_ms)
        notices = self._venue.notices
        notices.append(row)
        del notices[:-NOTICES_KEPT_MAX]
        for connection in tuple(self._sockets.connections.values()):
            connection.notice()
        self._tell_status(row)
        return row

    def begin_maintenance(self, row: dict[str, str]) -> None:
        """Close every socket: the minute that was announced is over."""
        row["state"] = "ongoing"
        self._tell_status(row)
        self.close_all_sockets()

    def end_maintenance(self, row: dict[str, str]) -> None:
        """Tell that it is over."""
        row["state"] = "completed"
        self._tell_status(row)

    def close_all_sockets(self) -> int:
        """Close every connection; returns how many."""
        connections = tuple(self._sockets.connections.values())
        for connection in connections:
            connection.close(Close.ABNORMAL)
        return len(connections)

    def _tell_status(self, row: dict[str, str]) -> None:
        self._sockets.hub.publish("status", "", Push(data=[dict(row)]))

    def _held(self, account_id: str, symbol: str) -> list[PositionView]:
        self._check_account(account_id)
        views = self._venue.exchange.accounts.positions(account_id)
        held = [view for view in views if symbol in {"", view.symbol}]
        if not held:
            message = f"{account_id} holds no position" + (f" of {symbol}" if symbol else "")
            raise ActRefusedError(message)
        return held

    def _check_account(self, account_id: str) -> None:
        if account_id not in self._venue.exchange.account_ids:
            message = f"there is no account {account_id!r}"
            raise ActRefusedError(message)

    def _check_symbol(self, symbol: str) -> None:
        if self._venue.catalogue.find(symbol) is None:
            message = f"there is no instrument {symbol!r}"
            raise ActRefusedError(message)


def _expect(done: Done | Placed | Refused) -> None:
    if isinstance(done, Refused):
        message = f"{done.code} {done.message}"
        raise ActRefusedError(message)


def _status_row(begin_ms: int, end_ms: int) -> dict[str, str]:
    return {
        "title": "Service upgrade",
        "state": "scheduled",
        "begin": str(begin_ms),
        "end": str(end_ms),
        "preOpenBegin": "",
        "href": "",
        "serviceType": "5",
        "system": "unified",
        "scheDesc": "",
        "maintType": "3",
        "env": "1",
        "ts": str(begin_ms),
    }
