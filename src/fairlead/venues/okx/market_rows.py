"""OKX's rows of instruments and prices as far as they are read, and what they are to us."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from fairlead.core.model.instrument import Instrument, InstrumentKind, InstrumentState
from fairlead.core.model.money import ONE, ZERO
from fairlead.venues.okx.rows import read_amount

SPOT: Final = "SPOT"
SWAP: Final = "SWAP"
_LIVE: Final = "live"
_LINEAR: Final = "linear"


class InstrumentRow(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One instrument; ``instIdCode`` is null until OKX has made it."""

    inst_type: str
    inst_id: str
    inst_id_code: int | None = None
    inst_family: str = ""
    uly: str = ""
    base_ccy: str = ""
    quote_ccy: str = ""
    settle_ccy: str = ""
    ct_val: str = ""
    ct_mult: str = ""
    ct_type: str = ""
    lever: str = ""
    tick_sz: str = ""
    lot_sz: str = ""
    min_sz: str = ""
    max_lmt_sz: str = ""
    max_mkt_sz: str = ""
    state: str = ""


class TickerRow(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Best bid and ask, and the last day."""

    inst_type: str
    inst_id: str
    last: str = ""
    ask_px: str = ""
    ask_sz: str = ""
    bid_px: str = ""
    bid_sz: str = ""
    vol_ccy_day: str = msgspec.field(default="", name="volCcy24h")
    ts: str


class MarkRow(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A mark price."""

    inst_id: str
    mark_px: str
    ts: str


class IndexRow(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An index price; ``instId`` is the name of the index, such as ``BTC-USDT``."""

    inst_id: str
    idx_px: str
    ts: str


class FundingRow(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The rate of the next settlement."""

    inst_id: str
    funding_rate: str
    funding_time: str = ""


class TierRow(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One step of the maintenance margin."""

    tier: str
    mmr: str
    inst_family: str = ""


def read_instrument(row: InstrumentRow, maintenance_margin_rate: Decimal = ZERO) -> Instrument | None:
    """An instrument as we trade it; None for what has an end, and for what is not ready yet."""
    if row.inst_type not in {SPOT, SWAP} or not (row.tick_sz and row.lot_sz and row.min_sz):
        return None
    base, quote = _currencies(row)
    return Instrument(
        symbol=row.inst_id,
        kind=_kind(row),
        base_currency=base,
        quote_currency=quote,
        settle_currency=row.settle_ccy or quote,
        tick_size=read_amount(row.tick_sz),
        lot_size=read_amount(row.lot_sz),
        quantity_min=read_amount(row.min_sz),
        limit_quantity_max=read_amount(row.max_lmt_sz),
        market_quantity_max=read_amount(row.max_mkt_sz),
        contract_value=ONE if row.inst_type == SPOT else read_amount(row.ct_val) * (read_amount(row.ct_mult) or ONE),
        leverage_max=read_amount(row.lever) or ONE,
        maintenance_margin_rate=maintenance_margin_rate,
        state=InstrumentState.LIVE if row.state == _LIVE else InstrumentState.SUSPENDED,
    )


def _kind(row: InstrumentRow) -> InstrumentKind:
    if row.inst_type == SPOT:
        return InstrumentKind.SPOT
    return InstrumentKind.LINEAR_PERPETUAL if row.ct_type == _LINEAR else InstrumentKind.INVERSE_PERPETUAL


def _currencies(row: InstrumentRow) -> tuple[str, str]:
    if row.base_ccy:
        return row.base_ccy, row.quote_ccy
    # OKX names those of a perpetual in its family only.
    base, _, quote = (row.inst_family or row.uly).partition("-")
    return base, quote
