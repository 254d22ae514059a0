"""What whoever runs the exchange may ask of it: faults, time, books, and changes by hand. No sockets here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from fairlead.core.model.instrument import InstrumentState
from fairlead.simulator.okx.books import plain, read_books
from fairlead.simulator.okx.faults.acts import ActRefusedError
from fairlead.simulator.okx.faults.plan import PlanError
from fairlead.simulator.okx.faults.reading import read_rule
from fairlead.simulator.okx.faults.rules import JUMP_MS_MAX, Milliseconds
from fairlead.simulator.okx.gateway import RawAnswer

if TYPE_CHECKING:
    from fairlead.simulator.okx.faults.desk import FaultDesk
    from fairlead.simulator.okx.timekeeping import JumpingClock

ADVANCE_MS_MAX: Final = 3_600_000
"""Virtual time is moved by at most an hour with each request: every step of it is lived."""

Advance = Callable[[int], Awaitable[None]]


class TimeChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Move virtual time on, or set the clock of the exchange wrong."""

    advance_ms: int = 0
    jump_ms: int = 0


class BalanceChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Pay in, or out if negative."""

    account: str
    currency: str
    amount: Decimal


class PositionChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of one instrument or of all."""

    account: str
    instrument: str = ""


class InstrumentChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whatever is given."""

    instrument: str
    state: InstrumentState | None = None
    tick_size: Decimal | None = None
    lot_size: Decimal | None = None


class KeyAction(StrEnum):
    """What happens to the keys of an account."""

    REVOKE = "revoke"
    FREEZE = "freeze"
    THAW = "thaw"


class KeyChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """For all keys of an account."""

    account: str
    action: KeyAction


class Notice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Sockets close after ``delay_ms``; the maintenance lasts ``duration_ms``."""

    delay_ms: Milliseconds | None = None
    duration_ms: Milliseconds | None = None


class PriceChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Pin an instrument to a price; null lets go of it."""

    instrument: str
    price: Decimal | None = None


T = TypeVar("T")


class AdminError(Exception):
    """A request cannot be done."""

    def __init__(self, status: int, message: str) -> None:
        """Refuse."""
        super().__init__(message)
        self.status = status


class Admin:
    """Answers whoever runs the exchange."""

    def __init__(self, desk: FaultDesk, clock: JumpingClock) -> None:
        """Rule this exchange."""
        self._desk = desk
        self._clock = clock
        self.advance: Advance | None = None
        """Moves virtual time; None where time is real."""
        self._acts: dict[tuple[str, str], Callable[[bytes], object]] = {
            ("GET", "/sim"): lambda _: {"routes": self.routes},
            ("GET", "/sim/faults"): lambda _: self._faults(),
            ("POST", "/sim/faults"): self._add_fault,
            ("DELETE", "/sim/faults"): lambda _: self._clear_faults(),
            ("GET", "/sim/time"): lambda _: self._time(),
            ("GET", "/sim/books"): lambda _: {"accounts": desk.venue.exchange.account_ids},
            ("POST", "/sim/balance"): self._change_balance,
            ("POST", "/sim/position/close"): self._close_position,
            ("POST", "/sim/position/liquidate"): self._liquidate,
            ("POST", "/sim/instrument"): self._change_instrument,
            ("POST", "/sim/keys"): self._change_keys,
            ("POST", "/sim/notice"): self._announce,
            ("POST", "/sim/price"): self._feed_price,
        }

    @property
    def routes(self) -> list[str]:
        """Every method and path."""
        more = ["POST /sim/time", "GET /sim/books/{account}", "DELETE /sim/faults/{id}"]
        return sorted([*(f"{method} {path}" for method, path in self._acts), *more])

    async def answer(self, method: str, path: str, body: bytes = b"") -> RawAnswer:
        """Answer one request; JSON in, JSON out, ``error`` says what is wrong."""
        try:
            result = await self._answer(method, path.rstrip("/"), body)
        except AdminError as error:
            return _json(error.status, {"error": str(error)})
        except (ActRefusedError, PlanError) as error:
            return _json(409 if isinstance(error, ActRefusedError) else 400, {"error": str(error)})
        self._desk.venue.settle()
        return _json(200, result)

    async def _answer(self, method: str, path: str, body: bytes) -> object:
        act = self._acts.get((method, path))
        if act is not None:
            return act(body)
        if (method, path) == ("POST", "/sim/time"):
            return await self._change_time(_read(body, TimeChange))
        folder, _, name = path.rpartition("/")
        if (method, folder) == ("DELETE", "/sim/faults"):
            return self._remove_fault(name)
        if (method, folder) == ("GET", "/sim/books"):
            if name not in self._desk.venue.exchange.account_ids:
                raise AdminError(404, f"there is no account {name!r}")
            return read_books(self._desk.venue, name)
        raise AdminError(404, f"there is no {method} {path}; GET /sim lists what there is")

    def _faults(self) -> object:
        return {"faults": msgspec.to_builtins(self._desk.plan.states)}

    def _add_fault(self, body: bytes) -> object:
        rule = read_rule(body)
        self._desk.add(rule)
        return {"added": rule.id}

    def _remove_fault(self, rule_id: str) -> object:
        if not self._desk.plan.remove(rule_id):
            raise AdminError(404, f"there is no rule {rule_id!r}")
        return {"deleted": rule_id}

    def _clear_faults(self) -> object:
        deleted = [state.rule.id for state in self._desk.plan.states]
        self._desk.plan.clear()
        return {"deleted": deleted}

    def _time(self) -> dict[str, object]:
        clock = self._clock
        return {"now_ms": clock.now_ms(), "offset_ms": clock.offset_ms, "virtual": self.advance is not None}

    async def _change_time(self, change: TimeChange) -> object:
        if not 0 <= change.advance_ms <= ADVANCE_MS_MAX or abs(change.jump_ms) > JUMP_MS_MAX:
            raise AdminError(400, f"advance_ms is 0 to {ADVANCE_MS_MAX}, jump_ms at most {JUMP_MS_MAX} either way")
        if change.advance_ms and self.advance is None:
            raise AdminError(409, "time is real here: start with --clock virtual to move it")
        if change.jump_ms:
            self._desk.acts.jump_clock(change.jump_ms)
        if change.advance_ms and self.advance is not None:
            await self.advance(change.advance_ms)
        return self._time()

    def _change_balance(self, body: bytes) -> object:
        change = _read(body, BalanceChange)
        self._desk.acts.change_balance(change.account, change.currency.upper(), change.amount)
        view = self._desk.venue.exchange.accounts.balance(change.account, change.currency.upper())
        return {"balance": plain(view)}

    def _close_position(self, body: bytes) -> object:
        change = _read(body, PositionChange)
        return {"closed": self._desk.acts.close_position(change.account, change.instrument)}

    def _liquidate(self, body: bytes) -> object:
        change = _read(body, PositionChange)
        return {"liquidated": self._desk.acts.liquidate(change.account, change.instrument)}

    def _change_instrument(self, body: bytes) -> object:
        change = _read(body, InstrumentChange)
        acts = self._desk.acts
        if change.state is not None:
            acts.set_state(change.instrument, change.state)
        if change.tick_size is not None or change.lot_size is not None:
            acts.change_steps(change.instrument, tick_size=change.tick_size, lot_size=change.lot_size)
        found = self._desk.venue.catalogue.find(change.instrument)
        if found is None:
            raise AdminError(404, f"there is no instrument {change.instrument!r}")
        return {"instrument": plain(found)}

    def _change_keys(self, body: bytes) -> object:
        change = _read(body, KeyChange)
        acts = self._desk.acts
        match change.action:
            case KeyAction.REVOKE:
                return {"keys": acts.revoke_keys(change.account)}
            case KeyAction.FREEZE | KeyAction.THAW:
                is_frozen = change.action is KeyAction.FREEZE
                return {"keys": acts.freeze_keys(change.account, is_frozen=is_frozen)}

    def _announce(self, body: bytes) -> object:
        notice = _read(body or b"{}", Notice)
        self._desk.announce(notice.delay_ms, notice.duration_ms)
        return {"announced": self._desk.venue.notices[-1]}

    def _feed_price(self, body: bytes) -> object:
        change = _read(body, PriceChange)
        self._desk.acts.feed_price(change.instrument, change.price)
        return {"quote": plain(self._desk.venue.exchange.markets.quote(change.instrument))}


def _read(body: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise AdminError(400, str(error)) from None


def _json(status: int, value: Any) -> RawAnswer:  # noqa: ANN401 - whatever JSON can hold
    return RawAnswer(status=status, body=msgspec.json.encode(value))
