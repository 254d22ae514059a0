"""The account: cash, holdings, settings (OKX API v5)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from fairlead.core.model.account import MarginMode, PositionMode, PositionSide
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.money import format_amount
from fairlead.simulator.okx import words
from fairlead.simulator.okx.catalogue import INSTRUMENT_TYPES, unknown_instrument
from fairlead.simulator.okx.codes import GatewayCode, fault, refusal, wrong
from fairlead.simulator.okx.endpoint import Answer, Call, Endpoint, Handler, Row, answer_rows
from fairlead.simulator.okx.keys import Permission
from fairlead.simulator.okx.order_wishes import read_trade_mode
from fairlead.simulator.okx.rows.balance import balance_row
from fairlead.simulator.okx.rows.position import position_id, position_row
from fairlead.simulator.okx.windows import RateLimit, Scope
from fairlead.simulator.orders import Refused

CURRENCIES_ASKED_MAX: Final = 20
INSTRUMENTS_ASKED_MAX: Final = 20
POSITION_MODES: Final = {"net_mode": PositionMode.NET, "long_short_mode": PositionMode.LONG_SHORT}
_RISK_FIELDS: Final = (
    *("instType", "instId", "mgnMode", "posId", "posSide", "pos", "posCcy", "ccy", "notionalUsd"),
    *("baseBal", "quoteBal"),
)
MODE_NAMES: Final = {mode: name for name, mode in POSITION_MODES.items()}


def _balance(call: Call) -> Answer:
    return answer_rows([balance_row(call.venue, call.account_id, call.fields.names("ccy", CURRENCIES_ASKED_MAX))])


def _positions(call: Call) -> Answer:
    fields = call.fields
    kind = fields.choice("instType", INSTRUMENT_TYPES)
    symbols, ids = fields.names("instId", 10), fields.names("posId", 20)
    rows = [
        position_row(call.venue, view)
        for view in call.venue.exchange.accounts.positions(call.account_id)
        if kind in {"", "SWAP"}
        and (not symbols or view.symbol in symbols)
        and (not ids or position_id(view.number) in ids)
    ]
    return answer_rows(rows)


def _risk(call: Call) -> Answer:
    call.fields.choice("instType", INSTRUMENT_TYPES)
    totals = balance_row(call.venue, call.account_id)
    cash = [{"ccy": row["ccy"], "eq": row["eq"], "disEq": row["disEq"]} for row in totals["details"]]
    held = [position_row(call.venue, view) for view in call.venue.exchange.accounts.positions(call.account_id)]
    row = {
        "adjEq": totals["adjEq"],
        "balData": cash,
        "posData": [{name: position[name] for name in _RISK_FIELDS} | {"notionalCcy": ""} for position in held],
        "ts": str(call.now_ms),
    }
    return answer_rows([row])


def _config(call: Call) -> Answer:
    assert call.key is not None
    mode = call.venue.exchange.accounts.position_mode(call.account_id)
    row: dict[str, Any] = {
        "acctLv": "2",
        "acctStpMode": "cancel_maker",
        "autoLoan": False,
        "ctIsoMode": "automatic",
        "enableSpotBorrow": False,
        "feeType": "0",
        "greeksType": "PA",
        "ip": ",".join(sorted(call.key.addresses)),
        "kycLv": "3",
        "label": call.key.key,
        "level": "Lv1",
        "levelTmp": "",
        "liquidationGear": "-1",
        "mainUid": call.account_id,
        "mgnIsoMode": "automatic",
        "opAuth": "0",
        "perm": ",".join(sorted(permission.value for permission in call.key.permissions)),
        "posMode": MODE_NAMES[mode],
        "roleType": "0",
        "settleCcy": "USDT",
        "settleCcyList": ["USDT"],
        "spotBorrowAutoRepay": False,
        "spotOffsetType": "",
        "spotRoleType": "0",
        "spotTraderInsts": [],
        "stgyType": "0",
        "traderInsts": [],
        "type": "0",
        "uid": call.account_id,
    }
    return answer_rows([row])


def _set_position_mode(call: Call) -> Answer:
    call.fields.required("posMode")
    name = call.fields.choice("posMode", POSITION_MODES)
    done = call.venue.exchange.set_position_mode(call.account_id, POSITION_MODES[name])
    if isinstance(done, Refused):
        raise refusal(done)
    return answer_rows([{"posMode": name}])


def _set_leverage(call: Call) -> Answer:
    fields = call.fields
    leverage = fields.positive("lever")
    mode = _margin_mode(call)
    if not fields.text("instId"):
        raise fault(GatewayCode.EITHER_REQUIRED, first="instId", second="ccy")
    instrument = call.venue.catalogue.wanted(fields)
    sides = [words.POSITION_SIDES[fields.choice("posSide", words.POSITION_SIDES, PositionSide.NET.value)]]
    is_hedged = call.venue.exchange.accounts.position_mode(call.account_id) is PositionMode.LONG_SHORT
    if is_hedged and mode is MarginMode.ISOLATED:
        if sides == [PositionSide.NET]:
            raise wrong("posSide")
    else:
        sides = _sides(call)
    for side in sides:
        done = call.venue.exchange.set_leverage(
            call.account_id, instrument.symbol, leverage, margin_mode=mode, position_side=side
        )
        if isinstance(done, Refused):
            raise refusal(done)
    return answer_rows(
        [
            {
                "lever": format_amount(leverage),
                "mgnMode": mode.value,
                "instId": instrument.symbol,
                "posSide": fields.text("posSide", "net"),
            }
        ]
    )


def _leverage_info(call: Call) -> Answer:
    mode = _margin_mode(call)
    rows: list[Row] = []
    for symbol in call.fields.names("instId", INSTRUMENTS_ASKED_MAX):
        instrument = _known(call, symbol)
        for side in _sides(call):
            leverage = call.venue.exchange.accounts.leverage(call.account_id, instrument.symbol, mode, side)
            rows.append(
                {
                    "ccy": "",
                    "instId": symbol,
                    "mgnMode": mode.value,
                    "posSide": side.value,
                    "lever": format_amount(leverage),
                }
            )
    return answer_rows(rows)


def _sides(call: Call) -> list[PositionSide]:
    is_hedged = call.venue.exchange.accounts.position_mode(call.account_id) is PositionMode.LONG_SHORT
    return [PositionSide.LONG, PositionSide.SHORT] if is_hedged else [PositionSide.NET]


def _margin_mode(call: Call) -> MarginMode:
    call.fields.required("mgnMode")
    return MarginMode(call.fields.choice("mgnMode", {"cross", "isolated"}))


def _known(call: Call, symbol: str) -> Instrument:
    instrument = call.venue.catalogue.find(symbol)
    if instrument is None:
        raise unknown_instrument()
    return instrument


def _max_size(call: Call) -> Answer:
    fields = call.fields
    price, leverage = fields.amount("px"), fields.amount("leverage")
    rows: list[Row] = []
    for symbol in fields.names("instId", 5):
        instrument = _known(call, symbol)
        most = call.venue.exchange.accounts.max_order_quantity(
            call.account_id,
            symbol,
            margin_mode=read_trade_mode(fields, instrument),
            price=price,
            leverage=leverage,
        )
        rows.append(
            {
                "ccy": instrument.base_currency if instrument.is_spot else instrument.settle_currency,
                "instId": symbol,
                "maxBuy": format_amount(most.buy),
                "maxSell": format_amount(most.sell),
            }
        )
    return answer_rows(rows)


def _max_available(call: Call) -> Answer:
    rows: list[Row] = []
    accounts = call.venue.exchange.accounts
    for symbol in call.fields.names("instId", 5):
        instrument = _known(call, symbol)
        read_trade_mode(call.fields, instrument)
        if instrument.is_spot:
            buy = accounts.balance(call.account_id, instrument.quote_currency).available
            sell = accounts.balance(call.account_id, instrument.base_currency).available
        else:
            buy = sell = max(Decimal(0), accounts.balance(call.account_id, instrument.settle_currency).available_margin)
        rows.append({"instId": symbol, "availBuy": format_amount(buy), "availSell": format_amount(sell)})
    return answer_rows(rows)


def _trade_fee(call: Call) -> Answer:
    call.fields.required("instType")
    kind = call.fields.choice("instType", INSTRUMENT_TYPES)
    fees = call.venue.exchange.markets.fees
    is_spot = kind in {"SPOT", "MARGIN"}
    maker, taker = (fees.spot_maker, fees.spot_taker) if is_spot else (fees.perpetual_maker, fees.perpetual_taker)
    rates = {"maker": format_amount(-maker), "taker": format_amount(-taker)}
    other = {"makerU": rates["maker"], "takerU": rates["taker"]} if not is_spot else {"makerU": "", "takerU": ""}
    return answer_rows(
        [
            {
                **rates,
                **other,
                "makerUSDC": "",
                "takerUSDC": "",
                "category": "1",
                "delivery": "",
                "exercise": "",
                "feeGroup": [{"groupId": "1", **rates}],
                "fiat": [],
                "instType": kind,
                "level": "Lv1",
                "settle": "",
                "ts": str(call.now_ms),
            }
        ]
    )


def _get(path: str, handler: Handler, count: int) -> Endpoint:
    return Endpoint(
        method="GET",
        path=f"/api/v5/account/{path}",
        handler=handler,
        limit=RateLimit(f"account/{path}", count, Scope.USER),
        permission=Permission.READ,
    )


def _post(path: str, handler: Handler, count: int) -> Endpoint:
    return Endpoint(
        method="POST",
        path=f"/api/v5/account/{path}",
        handler=handler,
        limit=RateLimit(f"account/{path}", count, Scope.USER),
        permission=Permission.TRADE,
    )


ENDPOINTS: Final = (
    _get("balance", _balance, 10),
    _get("positions", _positions, 10),
    _get("account-position-risk", _risk, 10),
    _get("config", _config, 5),
    _get("leverage-info", _leverage_info, 20),
    _get("max-size", _max_size, 20),
    _get("max-avail-size", _max_available, 20),
    _get("trade-fee", _trade_fee, 5),
    _post("set-position-mode", _set_position_mode, 5),
    _post("set-leverage", _set_leverage, 20),
)
