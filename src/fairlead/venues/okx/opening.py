"""Puts an OKX account together: what the wiring asks for."""

from __future__ import annotations

from collections.abc import Callable

from fairlead.core.model.account import VenueAccount
from fairlead.ports import Clock
from fairlead.venues.okx.connection import OkxConnection
from fairlead.venues.okx.governor import RateGovernor
from fairlead.venues.okx.private_stream import PrivateStream
from fairlead.venues.okx.rest import OkxRest
from fairlead.venues.okx.signing import OkxKeys
from fairlead.venues.okx.tracking import OrderTracker
from fairlead.venues.okx.venue import OkxVenue


def open_okx(
    account: VenueAccount,
    connection: OkxConnection,
    keys: Callable[[], OkxKeys],
    clock: Clock,
    governor: RateGovernor,
    *,
    may_withdraw: bool = False,
) -> OkxVenue:
    """One account at OKX. Await ``start`` before its desk opens, and keep ``run`` running afterwards.

    ``connection`` (one for each site) and ``governor`` (one for the process) are shared by all accounts; ``keys`` is
    asked whenever something is signed. ``may_withdraw``: the owner insists on a key that can take money out.
    """
    rest = OkxRest(connection, governor, clock, account_id=account.account_id, keys=keys)
    tracker = OrderTracker()
    return OkxVenue(account, rest, PrivateStream(rest, tracker, keys), tracker, may_withdraw=may_withdraw)
