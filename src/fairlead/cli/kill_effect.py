"""What a kill switch would do, or has left to do, read from what is stored: the same rule that the server works off."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fairlead.accounts.directory import Directory, load_directory
from fairlead.cli.output import StopError
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.latch import Latch, LatchScope
from fairlead.core.model.money import format_amount
from fairlead.core.model.request import CancelOrders
from fairlead.core.rules.account_book import AccountBook
from fairlead.core.rules.book_rebuild import rebuild_book
from fairlead.core.rules.latches import Action, actions_on
from fairlead.orders.account_desk import BOOK_SPACE
from fairlead.settings import Settings
from fairlead.store.queries.recovery import load_book_rows
from fairlead.store.session import Store


@dataclass(frozen=True, slots=True)
class Effect:
    """What is left to do, a row for each cancel or close."""

    rows: list[dict[str, str]]

    @property
    def is_done(self) -> bool:
        """Whether nothing is left."""
        return not self.rows

    def lines(self, verb: str) -> list[str]:
        """One sentence a row."""
        if not self.rows:
            return ["No resting entry order and no position is concerned."]
        return [f"{verb} {row['action']} {row['what']} on {row['account']}" for row in self.rows]


async def read_effect(settings: Settings, latch: Latch) -> Effect:
    """Read what a latch asks of every account, as of what is stored now."""
    from fairlead import wiring

    instruments_of = wiring.instruments_of_accounts(settings.store_url)
    store = Store(settings.store_url)
    try:
        directory = await load_directory(store)
        accounts = directory.list_all_accounts()
        async with store.system_session() as system:
            rows = await load_book_rows(system, accounts, header_space=BOOK_SPACE, recent_since_ms=2**43)
    finally:
        await store.close()
    found: list[dict[str, str]] = []
    for account in accounts:
        instruments = instruments_of(account.account_id)
        book = rebuild_book(rows[account.account_id], instruments)
        actions = actions_on(latch, account, book, instruments, directory.owner_of)
        found += [_row(account.label, action, book, instruments) for action in actions]
    return Effect(found)


async def find_subject(settings: Settings, scope: LatchScope, name: str, user: str) -> tuple[str, str, str]:
    """Find what a name means: id, label and tenant.

    Raises:
        StopError: there is no such thing, or it is not clear whose.
    """
    store = Store(settings.store_url)
    try:
        directory = await load_directory(store)
    finally:
        await store.close()
    owner = directory.find_user(user) if user else None
    if user and owner is None:
        raise StopError(f"there is no user {user}")
    found = [
        one for one in _candidates(settings, directory, scope, name) if owner is None or one[2] in {"", owner.tenant}
    ]
    if not found:
        raise StopError(f"there is no {scope.value} {name}; see fairlead {_listing(scope)}")
    if len(found) > 1:
        raise StopError(f"several tenants have a {scope.value} {name}: say whose with --user NAME")
    subject, label, tenant = found[0]
    return subject, label, owner.tenant if owner is not None else tenant


def _candidates(settings: Settings, directory: Directory, scope: LatchScope, name: str) -> list[tuple[str, str, str]]:
    match scope:
        case LatchScope.ACCOUNT:
            return [
                (account.account_id, account.label, account.tenant)
                for account in directory.list_all_accounts()
                if name in {account.account_id, account.label}
            ]
        case LatchScope.STRATEGY:
            source, slash, strategy = name.partition("/")
            return [
                (f"{hook.hook_id}{slash}{strategy}", f"{hook.name}{slash}{strategy}", hook.tenant)
                for hook in directory.list_hooks()
                if source in {hook.hook_id, hook.name}
            ]
        case LatchScope.USER | LatchScope.TENANT:
            user = directory.find_user(name)
            if user is None:
                return []
            return [(user.user_id if scope is LatchScope.USER else user.tenant, name, user.tenant)]
        case LatchScope.INSTRUMENT:
            from fairlead import wiring

            symbol = name.upper()
            return [(symbol, symbol, "")] if symbol in wiring.known_instruments(settings.store_url) else []
        case LatchScope.PLATFORM:
            return [("", "", "")]


def _listing(scope: LatchScope) -> str:
    return {LatchScope.ACCOUNT: "account list", LatchScope.STRATEGY: "hook list"}.get(scope, "user list")


def _row(label: str, action: Action, book: AccountBook, instruments: Mapping[str, Instrument]) -> dict[str, str]:
    if isinstance(action.intent, CancelOrders):
        count = len(action.intent.order_ids)
        what = f"{count} entry order{'s' if count > 1 else ''} of {action.symbol}"
        return {"account": label, "action": "cancel", "what": what}
    positions = [one for (symbol, _), one in book.positions.items() if symbol == action.symbol]
    held = ", ".join(
        f"{format_amount(one.signed_quantity)} {instruments[one.symbol].quantity_unit} entered at "
        f"{format_amount(one.entry_price)}"
        for one in positions
    )
    what = f"{action.symbol} ({held})" if held else f"what {action.source_id} bought of {action.symbol}"
    return {"account": label, "action": "close", "what": what}
