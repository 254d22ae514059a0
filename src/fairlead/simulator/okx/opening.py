"""Puts an exchange together that speaks OKX: from instruments and members to a server that can be started."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from fairlead.core.model.instrument import Instrument
from fairlead.core.model.market import Candle
from fairlead.simulator.instruments import DEFAULT_INSTRUMENTS, DEFAULT_START_PRICES
from fairlead.simulator.okx.admin import Admin
from fairlead.simulator.okx.faults.desk import FaultDesk
from fairlead.simulator.okx.faults.rules import FaultRule
from fairlead.simulator.okx.gateway import Gateway
from fairlead.simulator.okx.instrument_file import starting_prices
from fairlead.simulator.okx.keys import KeyBook, Member
from fairlead.simulator.okx.rest.endpoints import ENDPOINTS
from fairlead.simulator.okx.server import OkxServer
from fairlead.simulator.okx.sockets.channels import CHANNELS
from fairlead.simulator.okx.sockets.connection import SocketDesk
from fairlead.simulator.okx.sockets.hub import Hub
from fairlead.simulator.okx.timekeeping import JumpingClock
from fairlead.simulator.okx.venue import OkxOptions, OkxVenue, Timekeeper
from fairlead.simulator.recorded import open_on_prices
from fairlead.simulator.rules import VenueRules

FINISHED_ORDERS_KEPT_MAX: Final = 10_000
"""For each account: what its histories go back to."""


class OkxPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What is traded, by whom, how closely it follows OKX, and what goes wrong.

    ``candles``: instruments that follow a recorded price instead of chance, by symbol; the first candle opens now.
    """

    members: Sequence[Member]
    instruments: Sequence[Instrument] = DEFAULT_INSTRUMENTS
    options: OkxOptions = OkxOptions()
    faults: Sequence[FaultRule] = ()
    candles: Mapping[str, Sequence[Candle]] = {}


class OpenOkx:
    """An open exchange with all that speaks for it; the server is not started yet."""

    def __init__(self, plan: OkxPlan, clock: Timekeeper) -> None:
        """Open the accounts and list the instruments.

        Raises:
            PlanError: a fault is about nothing that this exchange has.
            ValueError: candles are no series, or of an instrument that is not listed.
        """
        jumping = JumpingClock(clock)
        starts = starting_prices(plan.instruments, DEFAULT_START_PRICES)
        rules = VenueRules(finished_orders_kept_max=FINISHED_ORDERS_KEPT_MAX, start_prices=starts)
        self.exchange = open_on_prices(
            plan.candles, plan.instruments, rules, seed=plan.options.seed, now_ms=jumping.now_ms()
        )
        for member in plan.members:
            self.exchange.open_account(member.key.account_id, balances=member.balances)
        keys = KeyBook(member.key for member in plan.members)
        self.venue = OkxVenue(self.exchange, keys=keys, clock=jumping, options=plan.options)
        self.venue.advance()
        self.gateway = Gateway(self.venue, ENDPOINTS)
        self.sockets = SocketDesk(self.venue, self.gateway, Hub(CHANNELS))
        self.faults = FaultDesk(self.gateway, self.sockets, jumping, plan.faults)
        self.admin = Admin(self.faults, jumping)
        self.server = OkxServer(self.sockets, self.faults)
