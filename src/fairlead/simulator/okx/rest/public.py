"""What is listed and under which rules, marks, funding, the state of the exchange (OKX API v5)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from fairlead.core.model.instrument import Instrument
from fairlead.core.model.money import format_amount
from fairlead.simulator.okx.catalogue import INSTRUMENT_TYPES, family_of, type_of
from fairlead.simulator.okx.codes import wrong
from fairlead.simulator.okx.endpoint import Answer, Call, Endpoint, Handler, answer_rows
from fairlead.simulator.okx.keys import Permission
from fairlead.simulator.okx.paging import Entry, Paging, cut
from fairlead.simulator.okx.rows.market import (
    FUNDING_METHOD,
    funding_row,
    instrument_row,
    mark_row,
    price_limit_row,
    tier_row,
)
from fairlead.simulator.okx.windows import RateLimit, Scope

ANY: Final = "ANY"
FUNDINGS_MAX: Final = 400
FIVE_SECONDS_MS: Final = 5_000
_FUNDINGS: Final = Paging(limit_max=FUNDINGS_MAX, by_time=True)


def _time(call: Call) -> Answer:
    return answer_rows([{"ts": str(call.now_ms)}])


def _status(call: Call) -> Answer:
    call.fields.choice("state", {"scheduled", "ongoing", "pre_open", "completed", "canceled"})
    return answer_rows([row for row in call.venue.notices if call.fields.text("state") in {"", row["state"]}])


def _instruments(call: Call) -> Answer:
    call.fields.required("instType")
    return answer_rows([instrument_row(call.venue, instrument) for instrument in _wanted(call)])


def _marks(call: Call) -> Answer:
    # The documentation asks for instType, but clients that leave it out are answered.
    if not call.fields.text("instId"):
        call.fields.required("instType")
    return answer_rows([mark_row(call.venue, instrument) for instrument in _wanted(call)])


def _perpetual(call: Call) -> Instrument:
    instrument = call.venue.catalogue.wanted(call.fields)
    if instrument.is_spot:
        raise wrong("instId")
    return instrument


def _funding(call: Call) -> Answer:
    if call.fields.required("instId") == ANY:
        listed = [instrument for instrument in call.venue.catalogue.all() if not instrument.is_spot]
        return answer_rows([funding_row(call.venue, instrument) for instrument in listed])
    return answer_rows([funding_row(call.venue, _perpetual(call))])


def _funding_history(call: Call) -> Answer:
    instrument = _perpetual(call)
    markets = call.venue.exchange.markets
    interval = markets.funding_interval_ms
    last_ms = call.now_ms // interval * interval
    entries = []
    for back in range(FUNDINGS_MAX):
        at_ms = last_ms - back * interval
        rate = format_amount(markets.funding_rate_at(instrument.symbol, at_ms))
        row: dict[str, Any] = {
            "instType": "SWAP",
            "instId": instrument.symbol,
            "formulaType": "noRate",
            "fundingRate": rate,
            "realizedRate": rate,
            "fundingTime": str(at_ms),
            "method": FUNDING_METHOD,
        }
        entries.append(Entry(number=at_ms, at_ms=at_ms, item=row))
    page = cut(entries, call.fields, _FUNDINGS)
    return answer_rows(page)


def _price_limit(call: Call) -> Answer:
    return answer_rows([price_limit_row(call.venue, call.venue.catalogue.wanted(call.fields))])


def _tiers(call: Call) -> Answer:
    fields = call.fields
    fields.required("instType")
    fields.required("tdMode")
    kind = fields.choice("instType", INSTRUMENT_TYPES)
    families = fields.names("instFamily", 5) or fields.names("uly", 5)
    if kind == "SWAP" and not families:
        fields.required("instFamily")
    rows = [
        tier_row(instrument)
        for instrument in call.venue.catalogue.all()
        if type_of(instrument) == kind == "SWAP" and family_of(instrument) in families
    ]
    return answer_rows(rows if fields.text("tier", "1") == "1" else [])


def _open_interest(call: Call) -> Answer:
    call.fields.required("instType")
    rows = []
    for instrument in _wanted(call):
        if instrument.is_spot:
            continue
        held = call.venue.exchange.markets.open_interest(instrument.symbol)
        quote = call.venue.exchange.markets.quote(instrument.symbol)
        coins = instrument.notional(held, quote.mark) if instrument.is_inverse else held * instrument.contract_value
        rows.append(
            {
                "instType": "SWAP",
                "instId": instrument.symbol,
                "oi": format_amount(held),
                "oiCcy": format_amount(round(coins, 16)),
                "oiUsd": format_amount(round(instrument.notional_in_quote(held, quote.mark), 16)),
                "ts": str(call.now_ms),
            }
        )
    return answer_rows(rows)


def _wanted(call: Call) -> list[Instrument]:
    fields = call.fields
    kind = fields.choice("instType", INSTRUMENT_TYPES)
    family, symbol = fields.text("instFamily") or fields.text("uly"), fields.text("instId")
    return [
        instrument
        for instrument in call.venue.catalogue.all()
        if kind in {"", type_of(instrument)}
        and family in {"", family_of(instrument)}
        and symbol in {"", instrument.symbol}
    ]


def _get(path: str, handler: Callable[[Call], Answer], count: int, scope: Scope = Scope.ADDRESS) -> Endpoint:
    return Endpoint(
        method="GET",
        path=f"/api/v5/public/{path}",
        handler=handler,
        limit=RateLimit(f"public/{path}", count, scope),
    )


def _elsewhere(path: str, handler: Handler, limit: RateLimit, permission: Permission | None = None) -> Endpoint:
    return Endpoint(method="GET", path=path, handler=handler, limit=limit, permission=permission)


ENDPOINTS: Final = (
    _get("time", _time, 10),
    _get("instruments", _instruments, 20, Scope.ADDRESS_AND_TYPE),
    _get("mark-price", _marks, 10, Scope.ADDRESS_AND_INSTRUMENT),
    _get("funding-rate", _funding, 10, Scope.ADDRESS_AND_INSTRUMENT),
    _get("funding-rate-history", _funding_history, 10, Scope.ADDRESS_AND_INSTRUMENT),
    _get("price-limit", _price_limit, 20),
    _get("position-tiers", _tiers, 10),
    _get("open-interest", _open_interest, 20, Scope.ADDRESS_AND_INSTRUMENT),
    _elsewhere("/api/v5/system/status", _status, RateLimit("system/status", 1, Scope.ADDRESS, FIVE_SECONDS_MS)),
    _elsewhere(
        "/api/v5/account/instruments",
        _instruments,
        RateLimit("account/instruments", 20, Scope.USER_AND_TYPE),
        Permission.READ,
    ),
)
