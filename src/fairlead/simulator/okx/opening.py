"""Puts an exchange together that speaks OKX: from instruments and members to a server that can be started."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from fairlead.core.model.instrument import Instrument
from fairlead.simulator.exchange import Exchange
from fairlead.simulator.instruments import DEFAULT_INSTRUMENTS
from fairlead.simulator.okx.gateway import Gateway
from fairlead.simulator.okx.keys import KeyBook, Member
from fairlead.simulator.okx.rest.endpoints import ENDPOINTS
from fairlead.simulator.okx.server import OkxServer
from fairlead.simulator.okx.sockets.channels import CHANNELS
from fairlead.simulator.okx.sockets.connection import SocketDesk
from fairlead.simulator.okx.sockets.hub import Hub
from fairlead.simulator.okx.venue import OkxOptions, OkxVenue, Timekeeper
from fairlead.simulator.rules import VenueRules

FINISHED_ORDERS_KEPT_MAX: Final = 10_000
"""For each account: what its histories go back to."""


class OkxPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What is traded, by whom, and how closely it follows OKX."""

    members: Sequence[Member]
    instruments: Sequence[Instrument] = DEFAULT_INSTRUMENTS
    options: OkxOptions = OkxOptions()


class OpenOkx:
    """An open exchange with all that speaks for it; the server is not started yet."""

    def __init__(self, plan: OkxPlan, clock: Timekeeper) -> None:
        """Open the accounts and list the instruments."""
        rules = VenueRules(finished_orders_kept_max=FINISHED_ORDERS_KEPT_MAX)
        seed = plan.options.seed
        self.exchange = Exchange(instruments=plan.instruments, seed=seed, now_ms=clock.now_ms(), rules=rules)
        for member in plan.members:
            self.exchange.open_account(member.key.account_id, balances=member.balances)
        keys = KeyBook(member.key for member in plan.members)
        self.venue = OkxVenue(self.exchange, keys=keys, clock=clock, options=plan.options)
        self.venue.advance()
        self.gateway = Gateway(self.venue, ENDPOINTS)
        self.sockets = SocketDesk(self.venue, self.gateway, Hub(CHANNELS))
        self.server = OkxServer(self.venue, self.gateway, self.sockets)
