"""Which latches cover what, what setting another one changes, and what a latch asks of one account."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec

from fairlead.core.model.account import PositionSide, VenueAccount
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.latch import LEVELS, Aim, Latch, LatchScope
from fairlead.core.model.order import Order
from fairlead.core.model.request import CancelOrders, Close, CloseScope
from fairlead.core.rules.account_book import AccountBook, Instruments
from fairlead.core.rules.holds import may_add


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a latch asks of one account; source and strategy say whose share a close takes from."""

    symbol: str
    intent: CancelOrders | Close
    source_id: str = ""
    strategy_id: str = ""


def covers(latch: Latch, aim: Aim) -> bool:
    """Tell whether a latch is about this."""
    if latch.tenant and latch.tenant != aim.tenant:
        return False
    match latch.scope:
        case LatchScope.PLATFORM | LatchScope.TENANT:
            return True
        case LatchScope.USER:
            return bool(latch.name) and latch.name == aim.user_id
        case LatchScope.ACCOUNT:
            return latch.name == aim.account_id
        case LatchScope.INSTRUMENT:
            return latch.name == aim.symbol
        case LatchScope.STRATEGY:
            source_id, _, strategy_id = latch.name.partition("/")
            return source_id == aim.source_id and strategy_id in {"", aim.strategy_id}


def add_latch(latches: Sequence[Latch], latch: Latch) -> tuple[Latch, ...]:
    """Set a latch; one of the same subject is replaced by a stronger one, and kept beside a weaker one."""
    same = [one for one in latches if subject_of(one) == subject_of(latch)]
    if any(LEVELS.index(one.level) >= LEVELS.index(latch.level) and not one.clearing for one in same):
        return tuple(latches)
    return (*(one for one in latches if one not in same), latch)


def describe(latch: Latch) -> str:
    """Say who stopped what, and how it is lifted."""
    why = f": {latch.text}" if latch.text else ""
    ask = " ".join(filter(None, (latch.scope.value, latch.label or latch.name)))
    return f"kill switch on {latch.subject}, set by {latch.by} ({latch.reason}{why}); lift: fairlead unkill {ask}"


def actions_on(
    latch: Latch,
    account: VenueAccount,
    book: AccountBook,
    instruments: Instruments,
    user_of: Callable[[str], str],
) -> tuple[Action, ...]:
    """List what is left to do for a latch on one account: cancels of resting entries first, then closes.

    Protection stays, because it only takes risk away. Of spot only what the fills of a source explain is sold: the
    rest was there before us. ``user_of`` tells whose source an id is.
    """
    actions: list[Action] = []
    if latch.level.cancels:
        entries = [one for one in book.orders.values() if may_add(one, instruments[one.symbol])]
        actions += _cancels(latch, account, entries, user_of)
    if latch.level.flattens:
        actions += _closes(latch, account, book, instruments, user_of)
    return tuple(actions)


def _cancels(
    latch: Latch,
    account: VenueAccount,
    entries: Iterable[Order],
    user_of: Callable[[str], str],
) -> Iterator[Action]:
    by_symbol: dict[str, list[str]] = {}
    for order in entries:
        if covers(latch, _aim_of(order, account, user_of)):
            by_symbol.setdefault(order.symbol, []).append(order.order_id)
    for symbol, order_ids in by_symbol.items():
        yield Action(symbol=symbol, intent=CancelOrders(order_ids=tuple(order_ids)))


def _closes(
    latch: Latch,
    account: VenueAccount,
    book: AccountBook,
    instruments: Instruments,
    user_of: Callable[[str], str],
) -> Iterator[Action]:
    whole = latch.scope not in {LatchScope.USER, LatchScope.STRATEGY}
    if whole:
        aim = Aim(tenant=account.tenant, account_id=account.account_id, symbol="")
        for symbol in dict.fromkeys(symbol for symbol, _ in book.positions):
            if covers(latch, msgspec.structs.replace(aim, symbol=symbol)):
                yield Action(symbol=symbol, intent=Close())
    yield from _share_closes(latch, account, book, user_of, _keys_of_shares(book, instruments, spot_only=whole))


def _keys_of_shares(
    book: AccountBook,
    instruments: Instruments,
    *,
    spot_only: bool,
) -> Iterator[tuple[str, PositionSide]]:
    for key in book.sub_books.keys:
        instrument: Instrument | None = instruments.get(key[0])
        if not spot_only or (instrument is not None and instrument.is_spot):
            yield key


def _share_closes(
    latch: Latch,
    account: VenueAccount,
    book: AccountBook,
    user_of: Callable[[str], str],
    keys: Iterable[tuple[str, PositionSide]],
) -> Iterator[Action]:
    seen: set[tuple[str, str, str]] = set()
    for key in keys:
        for share in book.sub_books.shares(key).values():
            place = (share.symbol, share.source_id, share.strategy_id)
            aim = Aim(
                tenant=account.tenant,
                account_id=account.account_id,
                symbol=share.symbol,
                source_id=share.source_id,
                strategy_id=share.strategy_id,
                user_id=user_of(share.source_id),
            )
            if share.quantity and place not in seen and covers(latch, aim):
                seen.add(place)
                yield Action(
                    symbol=share.symbol,
                    intent=Close(scope=CloseScope.STRATEGY),
                    source_id=share.source_id,
                    strategy_id=share.strategy_id,
                )


def _aim_of(order: Order, account: VenueAccount, user_of: Callable[[str], str]) -> Aim:
    return Aim(
        tenant=account.tenant,
        account_id=account.account_id,
        symbol=order.symbol,
        source_id=order.source_id,
        strategy_id=order.strategy_id,
        user_id=user_of(order.source_id),
    )


def subject_of(latch: Latch) -> tuple[str, str, str]:
    """What a latch is about; there is one latch a subject."""
    return latch.scope.value, latch.tenant, latch.name
