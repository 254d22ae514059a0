"""What start-up reads is enough to rebuild each account's book."""

from __future__ import annotations

import msgspec

from fairlead.core.model.account import ExecutionMode, PositionMode, VenueAccount
from fairlead.core.model.money import ZERO
from fairlead.core.model.order import OrderStatus
from fairlead.core.model.state import RequestStatus
from fairlead.core.rules.book_rebuild import BookRows
from fairlead.ports import Record, Unit
from fairlead.store.journal import StoredJournal
from fairlead.store.queries.recovery import load_book_rows
from fairlead.store.session import Store
from tests.servers.clean import on_every_database
from tests.store.samples import (
    ACCOUNT,
    AT_MS,
    TENANT,
    make_balance,
    make_order,
    make_position,
    make_request_state,
    make_share,
    note,
)


def make_account(account_id: str) -> VenueAccount:
    return VenueAccount(
        account_id=account_id,
        tenant=TENANT,
        label=account_id,
        exchange="okx",
        kind="paper",
        mode=ExecutionMode.PAPER,
        position_mode=PositionMode.NET,
        risk_profile="standard",
    )


def name(offset_ms: int, end: str = "") -> str:
    return f"{AT_MS + offset_ms:011x}{end}"


async def load(store: Store, *account_ids: str) -> dict[str, BookRows]:
    accounts = [make_account(account_id) for account_id in account_ids]
    async with store.system_session() as system:
        return dict(await load_book_rows(system, accounts, header_space="book", recent_since_ms=AT_MS))


@on_every_database
async def test_what_still_matters_of_an_account_is_read(store: Store, journal: StoredJournal) -> None:
    resting = make_order(name(-9_000, "a"), request_id="r-rests", status=OrderStatus.ACCEPTED)
    ended_leg = make_order(name(-9_000, "b"), request_id="r-rests", status=OrderStatus.FILLED)
    forgotten = make_order(name(-9_000, "c"), request_id="r-done", status=OrderStatus.FILLED)
    recent = make_order(name(5), request_id="r-done", status=OrderStatus.REJECTED)
    final = msgspec.structs.replace(
        make_request_state("r-rests"),
        status=RequestStatus.ACCEPTED,
        order_ids=(ended_leg.order_id, resting.order_id),
    )
    queued = msgspec.structs.replace(make_request_state("r-queued"), order_ids=())
    done = msgspec.structs.replace(make_request_state("r-done"), status=RequestStatus.FILLED)
    elsewhere = msgspec.structs.replace(make_order(name(7)), account_id="account-2")
    flat = msgspec.structs.replace(make_position(), symbol="ETH-USDT-SWAP", quantity=ZERO)
    holdings = (make_position(), flat, make_balance(), make_share(), make_share("gone", quantity=0))
    await journal.commit(
        Unit(
            facts=(note(),),
            states=(resting, ended_leg, forgotten, recent, elsewhere, final, queued, done, *holdings),
            records=(Record(space="book", owner=TENANT, key=ACCOUNT, body=b"header"),),
        ),
    )

    rows = await load(store, ACCOUNT, "account-2", "account-3")

    assert rows[ACCOUNT] == BookRows(
        tenant=TENANT,
        account_id=ACCOUNT,
        header=b"header",
        orders=(resting,),
        requests=(queued, final),
        ended_legs=(ended_leg,),
        recent=(recent,),
        positions=(make_position(),),
        balances=(make_balance(),),
        sub_positions=(make_share(),),
    )
    assert rows["account-2"].orders == rows["account-2"].recent == (elsewhere,)
    assert rows["account-3"].header is None
    assert await load(store, ACCOUNT) == {ACCOUNT: rows[ACCOUNT]}
    assert (await load(store, ACCOUNT, *(f"more-{number}" for number in range(600))))[ACCOUNT] == rows[ACCOUNT]
