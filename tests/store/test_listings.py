"""Which instruments an account's facts were made with, as whoever reads them later finds it."""

from __future__ import annotations

from decimal import Decimal

import msgspec
from msgspec.structs import replace

from fairlead.core.model.instrument import Instrument
from fairlead.ports import Record, Unit
from fairlead.simulator.instruments import DEFAULT_INSTRUMENTS
from fairlead.store.journal import StoredJournal
from fairlead.wiring import instruments_of_accounts, known_instruments
from fairlead.wiring.venue_kinds import INSTRUMENT_SPACE, LISTING_SPACE

LINEAR = next(one for one in DEFAULT_INSTRUMENTS if one.symbol == "BTC-USDT-SWAP")


def noted(market: str, instrument: Instrument) -> Record:
    return Record(space=INSTRUMENT_SPACE, owner=market, key=instrument.symbol, body=msgspec.json.encode(instrument))


def listed(account: str, market: str) -> Record:
    return Record(space=LISTING_SPACE, owner=account, key="", body=msgspec.json.encode(market))


async def test_each_account_knows_the_contract_of_its_own_exchange(url: str, journal: StoredJournal) -> None:
    there = replace(LINEAR, contract_value=Decimal(1))
    elsewhere = replace(LINEAR, contract_value=Decimal("0.1"))
    records = (
        *(noted("ccxt binanceusdm", there), noted("ccxt bitget", elsewhere)),
        *(listed("a", "ccxt binanceusdm"), listed("b", "ccxt bitget")),
    )
    await journal.commit(Unit(records=records))
    instruments_of = instruments_of_accounts(url)
    assert [instruments_of(account)[LINEAR.symbol] for account in ("a", "b")] == [there, elsewhere]
    # One that never was anywhere else: what is known at all.
    assert instruments_of("paper").keys() == known_instruments(url).keys()
    assert instruments_of_accounts()("a")[LINEAR.symbol] == LINEAR
