"""What bots need from the rest of the house."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

import msgspec

from fairlead.core.model.account import VenueAccount
from fairlead.core.model.bots.bot import BotState, Settings
from fairlead.core.model.bots.decision import Urgency
from fairlead.core.model.order import Order
from fairlead.core.model.request import OrderRequest
from fairlead.core.model.state import RequestState, State
from fairlead.core.rules.bots.rules import FindRule, no_rules
from fairlead.market.hub import MarketHub
from fairlead.ports import AppendOutcome, Clock, Fact, Record
from fairlead.store.queries.bots import Bot


def _unmeasured(_urgency: Urgency, _seconds: float) -> None:
    """For whoever does not measure."""


def _never_differs(_account: VenueAccount) -> bool:
    """For places that are their own truth."""
    return False


class Door(Protocol):
    """The one way to an order."""

    async def submit(
        self,
        cause: tuple[Fact, ...],
        requests: Sequence[OrderRequest],
        *,
        states: tuple[State, ...] = (),
        records: tuple[Record, ...] = (),
    ) -> AppendOutcome:
        """Store the cause with its requests and records, all or nothing, and wake the desks."""
        ...


class StoredOrders(msgspec.Struct, frozen=True):
    """What is stored of the requests of one bot: how they stand, their orders, and the bot's share of the account.

    No share: it was changing while it was read.
    """

    requests: tuple[RequestState, ...]
    orders: tuple[Order, ...]
    share: Decimal | None


class BotReader(Protocol):
    """Reads what is stored of bots."""

    async def load_states(self) -> Mapping[str, BotState]:
        """How every bot stands, by bot id."""
        ...

    async def load_orders(self, states: Sequence[BotState]) -> Mapping[str, StoredOrders]:
        """What became of the live requests of bots, by bot id."""
        ...

    async def load_settings(self, wanted: Mapping[str, int]) -> Mapping[str, Settings]:
        """Settings of the versions that are wanted, by bot id."""
        ...


@dataclass(frozen=True, slots=True)
class BotTools:
    """Everything that bots work with.

    ``account_of`` finds an account as it is configured now, None when it is gone; ``market_of`` the market that it
    trades on, None while its venue is not open; ``may_enter`` tells whether no kill switch covers a bot's entries now;
    ``want_quotes`` has prices come; ``spawn`` runs a supervised task; ``report`` hears of a bot whose step broke;
    ``decided`` hears of each decision how urgent it was, and how many seconds after the wake it was made; ``differs``
    tells whether an account's record and its venue's are known to disagree; ``find_rule`` finds rules that
    somebody wrote.
    """

    door: Door
    reader: BotReader
    clock: Clock
    account_of: Callable[[str], VenueAccount | None]
    market_of: Callable[[VenueAccount], MarketHub | None]
    may_enter: Callable[[VenueAccount, Bot], bool]
    want_quotes: Callable[[VenueAccount, Sequence[str]], object]
    spawn: Callable[[str, Coroutine[None, None, None], Callable[[Exception], None]], object]
    report: Callable[[str, BaseException], None]
    decided: Callable[[Urgency, float], None] = _unmeasured
    differs: Callable[[VenueAccount], bool] = _never_differs
    find_rule: FindRule = no_rules
