"""DCA bots and grids of OKX, as its API tells them (OKX API v5: tradingBot/dca and tradingBot/grid)."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from fairlead.accounts.bot_imports.fields import Fields, Imported
from fairlead.core.model.account import MarginMode
from fairlead.core.model.bots.bot import Settings
from fairlead.core.model.bots.decision import Direction
from fairlead.core.model.bots.grid import GridDirection, GridSettings, Spacing
from fairlead.core.model.bots.martingale import (
    AfterStop,
    MartingaleSettings,
    PriceRounding,
    Reserve,
    StartAtPrice,
    StartCondition,
    StartNow,
    StartOnSignal,
    StopFrom,
    StopLoss,
    TakeProfitStep,
)
from fairlead.core.model.money import HUNDRED, ONE, ZERO
from fairlead.core.model.request import Size, SizeUnit

SOURCE: Final = "okx"
START_SIGNAL: Final = "start"
KINDS: Final = ("spot_dca", "contract_dca", "grid", "contract_grid")
_HOW_IT_STANDS: Final = (
    *("algoId", "instType", "cTime", "uTime", "state", "cancelType", "pnlRatio", "totalPnl", "floatPnl", "fee"),
    *("gridProfit", "annualizedRate", "tradeNum", "arbitrageNum", "singleAmt", "perMinProfitRate", "perMaxProfitRate"),
    *("runPx", "investment", "tag", "copyType", "activeOrdNum", "eq", "ordFrozen", "availEq", "liqPx", "uly"),
    *("instFamily", "totalAnnualizedRate", "curBaseSz", "curQuoteSz", "profit", "stopResult", "rebateTrans"),
)


def read_bot(fields: Fields) -> Imported:
    """Make settings of a DCA bot or a grid.

    Raises:
        ImportFault: a field makes no bot.
    """
    kind = fields.choice("algoOrdType", KINDS, "missing")
    settings: Settings
    if kind.endswith("dca"):
        settings, assumed = _dca(fields, is_contract=kind == "contract_dca")
    else:
        settings, assumed = _grid(fields, is_contract=kind == "contract_grid")
    symbol = fields.text("instId")
    if not symbol:
        raise fields.fault("instId", "must name the instrument")
    name = fields.text("algoClOrdId")
    fields.leave("stopType", "say what becomes of the holding when you stop it: bot stop NAME [--sell]")
    why = "tells how it stands, not what it does"
    return Imported(
        source=SOURCE,
        name=name,
        symbol=symbol,
        settings=settings,
        left_out=fields.left_out(says_nothing=_HOW_IT_STANDS, why=why),
        assumed=assumed,
    )


def _dca(fields: Fields, *, is_contract: bool) -> tuple[MartingaleSettings, tuple[str, ...]]:
    levels = fields.count("maxSafetyOrds")
    base = Size(amount=fields.positive("initOrdAmt"), unit=SizeUnit.QUOTE)
    safety = Size(amount=fields.positive("safetyOrdAmt"), unit=SizeUnit.QUOTE) if levels else base
    stop = fields.number("slPct") or ZERO
    if fields.choice("slMode", ("market", "limit"), "market") == "limit":
        fields.leave("slMode", "a stop-loss closes at market")
    settings = MartingaleSettings(
        direction=_direction(fields) if is_contract else Direction.LONG,
        base_order=base,
        start=_start(fields),
        safety_order=safety,
        max_safety_orders=levels,
        active_safety_orders=max(1, levels),
        step=(fields.number("pxSteps") or ZERO) * HUNDRED or ONE,
        step_scale=fields.number("pxStepsMult") or ONE,
        volume_scale=fields.number("volMult") or ONE,
        take_profit=(TakeProfitStep(percent=fields.positive("tpPct") * HUNDRED),),
        stop_loss=StopLoss(percent=stop * HUNDRED, reference=StopFrom.BASE) if stop else None,
        after_stop=AfterStop.STOP,
        reinvest=HUNDRED if fields.flag("allowReinvest", default=True) else ZERO,
        leverage=_leverage(fields) if is_contract else None,
        margin_mode=MarginMode.CROSS if is_contract else None,
        reserve=Reserve.WORST_CASE if fields.flag("reserveFunds", default=True) else Reserve.RESTING,
        price_rounding=PriceRounding.NEAREST,
    )
    assumed = ["levels are measured from the price of the base order", "the take-profit from the average of all orders"]
    if stop:
        assumed.append("the stop-loss is measured from the price of the base order, and ends the bot")
    if is_contract:
        assumed.append("sizes are the value of the position in the quote currency, margin is shared (cross)")
    return settings, tuple(assumed)


def _direction(fields: Fields) -> Direction:
    return Direction(fields.choice("direction", ("long", "short"), "missing"))


def _leverage(fields: Fields) -> Decimal | None:
    return fields.positive("lever") if "lever" in fields else None


def _start(fields: Fields) -> StartCondition:
    given = fields.rows("triggerParams")
    starts = [one for one in given if one.text("triggerAction", "start") == "start"]
    trigger = starts[0] if starts else fields
    match trigger.choice("triggerStrategy", ("instant", "price", "rsi"), "instant"):
        case "price":
            falls = trigger.choice("triggerCond", ("cross_up", "cross_down"), "cross_down") == "cross_down"
            if len(given) > 1:
                fields.leave("triggerParams", "only what starts a cycle is carried over")
            return StartAtPrice(price=trigger.positive("triggerPx"), falls=falls)
        case "rsi":
            why = f"a cycle begins with the signal {START_SIGNAL!r}, never by itself: send it, or edit"
            if trigger is not fields:
                fields.leave("triggerParams", why)
            else:
                for name in ("triggerStrategy", "triggerCond", "thold", "timeframe", "timePeriod"):
                    fields.leave(name, why)
            return StartOnSignal(signal=START_SIGNAL)
        case _:
            return StartNow()


def _grid(fields: Fields, *, is_contract: bool) -> tuple[GridSettings, tuple[str, ...]]:
    lower, upper, lines = fields.positive("minPx"), fields.positive("maxPx"), fields.count("gridNum")
    if upper <= lower:
        raise fields.fault("maxPx", "must be above minPx")
    if not lines:
        raise fields.fault("gridNum", "must be a whole number above 0")
    directions = tuple(one.value for one in GridDirection)
    direction = GridDirection(fields.choice("direction", directions, "missing" if is_contract else "long"))
    leverage = _leverage(fields) if is_contract else None
    size = _grid_size(fields, lines, leverage or ONE, is_contract=is_contract)
    above, below = fields.number("tpTriggerPx") or None, fields.number("slTriggerPx") or None
    if direction is GridDirection.SHORT:
        above, below = below, above
    settings = GridSettings(
        lower=lower,
        upper=upper,
        lines=lines,
        spacing=Spacing.GEOMETRIC if fields.choice("runType", ("1", "2"), "1") == "2" else Spacing.ARITHMETIC,
        direction=direction,
        per_line=size,
        initial=fields.flag("basePos", default=True),
        stop_above=above,
        stop_below=below,
        take_profit=_percent(fields, "tpRatio"),
        stop_loss=_percent(fields, "slRatio"),
        leverage=leverage,
        margin_mode=MarginMode.CROSS if is_contract else None,
    )
    return settings, ("the investment is spread evenly over the lines, in whole hundredths",)


def _grid_size(fields: Fields, lines: int, leverage: Decimal, *, is_contract: bool) -> Size:
    if is_contract:
        return Size(amount=_part(fields.positive("sz") * leverage, lines), unit=SizeUnit.QUOTE)
    if "quoteSz" in fields or "baseSz" not in fields:
        return Size(amount=_part(fields.positive("quoteSz"), lines), unit=SizeUnit.QUOTE)
    return Size(amount=fields.positive("baseSz") / lines, unit=SizeUnit.BASE)


def _part(amount: Decimal, lines: int) -> Decimal:
    """Rounded down, so that all lines together never take more than was invested; small ones are not rounded."""
    part = amount / lines
    cents = part.quantize(Decimal("0.01"), "ROUND_DOWN")
    return cents or part


def _percent(fields: Fields, name: str) -> Decimal | None:
    ratio = fields.number(name)
    return ratio * HUNDRED if ratio else None
