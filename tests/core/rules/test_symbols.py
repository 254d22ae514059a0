"""Every spelling of every listed instrument means that instrument and no other; everything else is refused."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.core.model.instrument import Instrument, InstrumentKind
from fairlead.core.rules.symbols import Found, NotFound, ProductType, SymbolMaster, spell

IDS = tuple((Path(__file__).parents[2] / "data" / "okx_instrument_ids.txt").read_text(encoding="ascii").split())
TYPES = {
    InstrumentKind.SPOT: ProductType.SPOT,
    InstrumentKind.LINEAR_PERPETUAL: ProductType.PERPS,
    InstrumentKind.INVERSE_PERPETUAL: ProductType.INVPERPS,
}


def make_instrument(symbol: str) -> Instrument:
    base, quote, *swap = symbol.split("-")
    kind = InstrumentKind.SPOT
    if swap:
        kind = InstrumentKind.INVERSE_PERPETUAL if quote == "USD" else InstrumentKind.LINEAR_PERPETUAL
    return Instrument(
        symbol=symbol,
        kind=kind,
        base_currency=base,
        quote_currency=quote,
        settle_currency=base if kind is InstrumentKind.INVERSE_PERPETUAL else quote,
        tick_size=Decimal("0.1"),
        lot_size=Decimal(1),
        quantity_min=Decimal(1),
        limit_quantity_max=Decimal(1000),
        market_quantity_max=Decimal(1000),
    )


INSTRUMENTS = tuple(make_instrument(symbol) for symbol in IDS)
MASTER = SymbolMaster(INSTRUMENTS)


def read(text: str, kind: ProductType | None = None) -> str:
    found = MASTER.find(text, kind)
    assert isinstance(found, Found), found
    return found.instrument.symbol


def refuse(text: str, kind: ProductType | None = None, master: SymbolMaster = MASTER) -> NotFound:
    found = master.find(text, kind)
    assert isinstance(found, NotFound), found
    return found


def test_w03_every_spelling_of_every_listed_id_means_itself_and_only_itself() -> None:
    assert len(MASTER) == len(IDS) > 300
    meanings: dict[str, str] = {}
    for instrument in INSTRUMENTS:
        for spelling in spell(instrument):
            for text in (spelling, spelling.lower(), spelling.title()):
                assert read(text) == instrument.symbol
                assert read(text, TYPES[instrument.kind]) == instrument.symbol
            assert meanings.setdefault(spelling.upper(), instrument.symbol) == instrument.symbol


@pytest.mark.parametrize("base", ["XRP", "PEPE", "OP", "APT", "TRUMP"])
def test_w03_names_that_a_stripper_of_letters_would_spoil_stay_whole(base: str) -> None:
    assert read(f"{base}-USDT") == f"{base}-USDT"
    assert read(f"{base}USDT") == f"{base}-USDT"
    assert read(f"{base}USDT.P") == f"{base}-USDT-SWAP"


@pytest.mark.parametrize(
    ("text", "symbol"),
    [
        ("BTC-USDT", "BTC-USDT"),
        ("btcusdt", "BTC-USDT"),
        ("OKX:BTCUSDT", "BTC-USDT"),
        ("BTC/USDT", "BTC-USDT"),
        ("BTCUSDT.P", "BTC-USDT-SWAP"),
        ("OKX:BTCUSDT.P", "BTC-USDT-SWAP"),
        ("BTC/USDT:USDT", "BTC-USDT-SWAP"),
        ("BTCUSDTFUT", "BTC-USDT-SWAP"),
        ("BTCUSDC.P", "BTC-USDC-SWAP"),
        ("BTC/USD:BTC", "BTC-USD-SWAP"),
        ("BTCUSDFUT", "BTC-USD-SWAP"),
        ("okx:btcusd.p", "BTC-USD-SWAP"),
    ],
)
def test_each_dialect_is_read(text: str, symbol: str) -> None:
    assert read(text) == symbol


@pytest.mark.parametrize(
    "text",
    [
        "",
        " BTC-USDT",
        "BTC-USDT ",
        "BTC--USDT",
        "BTC_USDT",
        "BINANCE:BTCUSDT",
        "BTC-U\u017fDT",
        "\uff22\uff34\uff23-USDT",
        "BTC-USDT\0",
        "BTC",
    ],
)
def test_what_is_almost_a_symbol_is_refused(text: str) -> None:
    assert refuse(text).reason == "unknown symbol"


def test_an_unknown_symbol_is_refused_with_close_ones() -> None:
    assert "BTC-USDT-SWAP" in refuse("BTCUSTD.P").suggestions
    assert refuse("BTC-UDST", ProductType.SPOT).suggestions[0] == "BTC-USDT"
    assert refuse("x" * 10_000).suggestions == ()


def test_a_symbol_of_another_kind_is_refused_with_its_siblings() -> None:
    assert refuse("BTCUSDT", ProductType.PERPS).suggestions == ("BTC-USDC-SWAP", "BTC-USDT-SWAP")
    assert refuse("BTC-USDT-SWAP", ProductType.INVPERPS).suggestions == ("BTC-USD-SWAP",)
    assert refuse("PEPE-USDT", ProductType.INVPERPS).suggestions == ("PEPE-USDT",)


def test_a_spelling_that_two_instruments_share_is_refused_and_both_are_named() -> None:
    master = SymbolMaster([make_instrument("AB-CUSDT"), make_instrument("ABC-USDT")])
    refusal = refuse("ABCUSDT", master=master)
    assert refusal.reason == "the symbol means more than one instrument"
    assert refusal.suggestions == ("AB-CUSDT", "ABC-USDT")
    assert isinstance(master.find("ABC-USDT"), Found)


@given(st.text(max_size=80), st.sampled_from([None, *ProductType]))
def test_any_text_is_an_exact_spelling_or_refused(text: str, kind: ProductType | None) -> None:
    found = MASTER.find(text, kind)
    if isinstance(found, Found):
        assert text.upper() in {spelling.upper() for spelling in spell(found.instrument)}
        assert kind is None or TYPES[found.instrument.kind] is kind
