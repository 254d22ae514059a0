"""In which order alerts begin: urgent ones pass others, but never what they may depend on."""

from __future__ import annotations

from decimal import Decimal
from itertools import combinations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from fairlead.core.model.account import VenueAccount
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.request import Close, Enter, Intent, SetTarget, Side, Size, SizeUnit, TargetPosition
from fairlead.core.model.state import AlertState
from fairlead.core.rules.symbols import ProductType
from fairlead.simulator.instruments import DEFAULT_INSTRUMENTS
from fairlead.sources.webhook.alert import Alert
from fairlead.sources.webhook.backlog import Backlog
from fairlead.sources.webhook.inbox import KeptAlert
from fairlead.sources.webhook.prepare import PreparedAlert
from tests.sources.webhook.world import ACCOUNTS, make_hook

INSTRUMENTS = DEFAULT_INSTRUMENTS[:2]
SIZE = Size(amount=Decimal(1), unit=SizeUnit.NATIVE)
ENTRY = Enter(side=Side.BUY, size=SIZE)
TARGET = SetTarget(target=TargetPosition.LONG, size=SIZE)
# What an alert wants, of which instrument, on which accounts, and whether somebody waits.
wishes = st.tuples(
    st.sampled_from([ENTRY, ENTRY, TARGET, Close()]),
    st.sampled_from(INSTRUMENTS),
    st.lists(st.sampled_from(ACCOUNTS), min_size=1, max_size=2, unique_by=lambda account: account.account_id),
    st.booleans(),
)


def make_kept(number: int, intent: Intent = ENTRY, accounts: int = 1) -> KeptAlert:
    alert = Alert(exchange="okx", symbol_text="", product=ProductType.PERPS, intent=intent)
    prepared = PreparedAlert(
        alert=alert, hook=make_hook(), instrument=INSTRUMENTS[0], accounts=ACCOUNTS[:accounts], warnings=()
    )
    state = AlertState(
        alert_id=str(number), tenant="t", hook_id="h", duplicate_key="", explicit_key=True, received_ms=number
    )
    return KeptAlert(state=state, prepared=prepared)


def names(alerts: list[KeptAlert]) -> list[str]:
    return [kept.state.alert_id for kept in alerts]


def pop_all(backlog: Backlog) -> list[KeptAlert]:
    return [backlog.pop() for _ in range(len(backlog))]


def test_the_oldest_is_first() -> None:
    backlog = Backlog()
    for number in range(5):
        backlog.push(make_kept(number))
    assert names(pop_all(backlog)) == ["0", "1", "2", "3", "4"]
    assert not backlog


def test_a_close_takes_the_entries_before_it_along() -> None:
    backlog = Backlog()
    for number in range(3):
        backlog.push(make_kept(number))
    assert names(backlog.pop_before(make_kept(3, Close()))) == ["0", "1", "2"]


def test_an_entry_passes_entries_but_no_target() -> None:
    backlog = Backlog()
    backlog.push(make_kept(0))
    assert backlog.pop_before(make_kept(1)) == []
    backlog.push(make_kept(2, TARGET))
    assert names(backlog.pop_before(make_kept(3))) == ["0", "2"]


@given(st.lists(wishes, max_size=30), st.data())
def test_whatever_reads_a_position_keeps_its_place_there(
    asked: list[tuple[Intent, Instrument, list[VenueAccount], bool]], data: st.DataObject
) -> None:
    backlog, begun, arrived = Backlog(), [], []
    for number, (intent, instrument, accounts, is_urgent) in enumerate(asked):
        made = make_kept(number, intent)
        prepared = msgspec.structs.replace(made.prepared, instrument=instrument, accounts=tuple(accounts))
        kept = msgspec.structs.replace(made, prepared=prepared)
        arrived.append(kept)
        if is_urgent:
            begun += [*backlog.pop_before(kept), kept]
        else:
            backlog.push(kept)
        if backlog and data.draw(st.booleans()):
            begun.append(backlog.pop())
    begun += pop_all(backlog)

    assert sorted(names(begun)) == sorted(names(arrived))
    place = {name: number for number, name in enumerate(names(begun))}
    for early, late in combinations(arrived, 2):
        if depends(early.prepared, late.prepared):
            assert place[early.state.alert_id] < place[late.state.alert_id]


def depends(one: PreparedAlert, other: PreparedAlert) -> bool:
    same_account = {account.account_id for account in one.accounts} & {account.account_id for account in other.accounts}
    same_place = bool(same_account) and one.instrument.symbol == other.instrument.symbol
    return same_place and (one.reads_position or other.reads_position)
