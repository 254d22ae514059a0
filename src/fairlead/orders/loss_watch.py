"""Looks at every account's equity each second, also when no order comes, and stops those that have lost too much."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from fairlead.core.model.account import VenueAccount
from fairlead.core.model.ids import derive_id
from fairlead.core.model.latch import Latch, LatchLevel, LatchReason, LatchScope
from fairlead.core.model.loss import LossLatch, LossLimits, LossStep
from fairlead.core.rules.loss_state import halting
from fairlead.orders.floor import TradingFloor
from fairlead.ports import Clock

LOOK_EVERY_MS: Final = 1_000
BY: Final = "the loss ladder"


class LatchSetter(Protocol):
    """Where kill switches are set."""

    def current(self) -> tuple[Latch, ...]:
        """Every latch that is set now."""
        ...

    def set(self, latch: Latch) -> None:
        """Set one, unless a stronger one of the same subject is set; raises OSError when it cannot be written."""
        ...


class LossWatch:
    """The halts of the ladder are kill switches on their account; a person lifts both together."""

    def __init__(
        self,
        *,
        floor: TradingFloor,
        latches: LatchSetter,
        limits: Callable[[VenueAccount], LossLimits],
        clock: Clock,
        warn: Callable[[str], None],
    ) -> None:
        """Watch the desks of a floor; ``warn`` tells an operator that a kill switch could not be set."""
        self._floor = floor
        self._latches = latches
        self._limits = limits
        self._clock = clock
        self._warn = warn

    async def run(self) -> None:
        """Look once a second, for ever."""
        told = ""
        while True:
            try:
                self.look()
            except OSError as error:
                # The risk checks read the book and refuse all the same; what is open waits for the file.
                if str(error) != told:
                    told = str(error)
                    self._warn(told)
            await self._clock.sleep_ms(LOOK_EVERY_MS)

    def look(self) -> None:
        """Look at each open desk now."""
        for desk in list(self._floor.desks):
            if desk.halt_reason:
                continue
            desk.losses.look()
            latches = halting(desk.book.losses)
            if latches:
                self._stop(desk.account, latches)

    def lift(self, latch: Latch) -> None:
        """Hear that a kill switch is being lifted: if the ladder set it, the ladder lets go too."""
        desk = self._floor.find(latch.name)
        if latch.reason is LatchReason.DRAWDOWN and latch.scope is LatchScope.ACCOUNT and desk is not None:
            desk.losses.lift(latch.clearing)

    def _stop(self, account: VenueAccount, latches: tuple[LossLatch, ...]) -> None:
        wanted = max((_kill_switch(account, one, self._limits(account)) for one in latches), key=_strength)
        set_now = self._latches.current()
        if all(one.latch_id != wanted.latch_id for one in set_now):
            self._latches.set(wanted)


def _kill_switch(account: VenueAccount, latch: LossLatch, limits: LossLimits) -> Latch:
    level = LatchLevel.FLATTEN if limits.halt_flattens else LatchLevel.CANCEL_OPEN
    if latch.step is LossStep.DRAWDOWN_REDUCE:
        level = LatchLevel.STOP_NEW
    lost, allowed = (f"{share * 100:.2f} %" for share in (latch.loss, latch.limit))
    return Latch(
        # The same halt always asks for the same kill switch, so that a restart sets none twice.
        latch_id=derive_id(latch.at_ms, "loss", account.account_id, latch.step.value),
        scope=LatchScope.ACCOUNT,
        level=level,
        by=BY,
        set_ms=latch.at_ms,
        name=account.account_id,
        tenant=account.tenant,
        label=account.label,
        reason=LatchReason.DRAWDOWN,
        text=f"{latch.step.value.replace('_', ' ')}: lost {lost}, limit {allowed}",
    )


def _strength(latch: Latch) -> tuple[bool, bool, int]:
    return latch.level.flattens, latch.level.cancels, -latch.set_ms
