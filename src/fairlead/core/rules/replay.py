"""The whole journal folded into states, for whoever rebuilds the tables or checks them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from fairlead.core.model import events as ev
from fairlead.core.model.bots.events import BotConfigured, BotDecided, BotNoted
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.state import State
from fairlead.core.rules.account_book import AccountBook
from fairlead.core.rules.alert_state import OpenAlerts

InstrumentsOf = Callable[[str], Mapping[str, Instrument]]
"""Instruments by symbol as an account knows them, by its id: a symbol may be another contract at another exchange."""


class Replay:
    """All accounts and alerts of a journal, fact by fact in its order."""

    __slots__ = ("alerts", "books", "instruments_of")

    def __init__(self, instruments_of: InstrumentsOf) -> None:
        """Start before the first fact; every symbol that an account ever traded must be known."""
        self.instruments_of = instruments_of
        self.books: dict[str, AccountBook] = {}
        self.alerts = OpenAlerts()

    def fold(self, tenant: str, event: ev.Event) -> list[State]:
        """Add one fact of a tenant; returns the states that changed, each as the row to store.

        Raises:
            InvariantBroken: the fact cannot be true beside those before it.
        """
        match event:
            case ev.AlertReceived() | ev.AlertDuplicated() | ev.AlertHandled():
                return [*self.alerts.apply(event, tenant)]
            case ev.KillSwitchSet() | ev.KillSwitchCleared() | BotDecided() | BotConfigured() | BotNoted():
                return []
            case _:
                account_id = _account_id(event)
                return self._book(tenant, account_id).apply(event, self.instruments_of(account_id))

    def _book(self, tenant: str, account_id: str) -> AccountBook:
        book = self.books.get(account_id)
        if book is None:
            self.books[account_id] = book = AccountBook(tenant=tenant, account_id=account_id)
        return book


def _account_id(event: ev.AccountEvent) -> str:
    match event:
        case ev.OrderRequested():
            return event.request.account_id
        case ev.OrderApproved():
            return event.order.account_id
        case _:
            return event.account_id
