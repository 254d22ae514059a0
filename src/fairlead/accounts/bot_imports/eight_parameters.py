"""The plain martingale of eight parameters: a fixed price, a drop from each level to the next, a factor for amounts."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from fairlead.accounts.bot_imports.fields import Fields, Imported
from fairlead.core.model.bots.martingale import (
    AfterStop,
    DeviationFrom,
    EntryMode,
    MartingaleSettings,
    PriceRounding,
    StopFrom,
    StopLoss,
    TakeProfitStep,
)
from fairlead.core.model.money import ONE
from fairlead.core.model.request import Size, SizeUnit

SOURCE: Final = "predecessor"


def read_bot(fields: Fields) -> Imported:
    """Make settings of a strategy: amounts are in base currency, levels count the first buy.

    Raises:
        ImportFault: a field makes no bot.
    """
    levels = fields.count("levels")
    if not levels:
        raise fields.fault("levels", "must be a whole number above 0")
    amount, factor = fields.positive("initialAmount"), fields.number("amountMultiplier") or ONE
    stop, price = fields.number("stopLoss"), fields.number("initialPrice")
    assumed = [] if price else ["without initialPrice the ladder hangs on what the first buy of a cycle filled at"]
    settings = MartingaleSettings(
        base_order=_in_base(amount),
        base_price=price or None,
        safety_order=_in_base(amount * factor),
        max_safety_orders=levels - 1,
        active_safety_orders=max(1, levels - 1),
        step=fields.positive("priceDropPercent"),
        volume_scale=factor,
        deviation_from=DeviationFrom.PREVIOUS_LEVEL,
        entry_mode=EntryMode.TRIGGER,
        take_profit=(TakeProfitStep(percent=fields.positive("takeProfit")),),
        stop_loss=StopLoss(percent=stop, reference=StopFrom.FIRST_FILL) if stop else None,
        after_stop=AfterStop.STOP,
        price_rounding=PriceRounding.NEAREST,
    )
    fields.leave("checkInterval", "it wakes when the price touches a level, not after a time")
    fields.leave("strategy_type", "a martingale is what it becomes")
    fields.leave("is_active", "it begins when you create it")
    return Imported(
        source=SOURCE,
        name=fields.text("name"),
        symbol=fields.text("symbol").replace("/", "-"),
        settings=settings,
        left_out=fields.left_out(),
        assumed=tuple(assumed),
    )


def _in_base(amount: Decimal) -> Size:
    return Size(amount=amount, unit=SizeUnit.BASE)
