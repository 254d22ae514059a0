"""A martingale bot of Pionex, written down as its page shows it: Pionex has no file of it.

``kind`` is ``composite`` (one deviation for all levels) or ``diy`` (``safety_orders`` is a list of ``deviation`` and
``shares``); percentages are numbers such as 1.5.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from fairlead.accounts.bot_imports.fields import Fields, Imported
from fairlead.core.model.bots.martingale import LadderStep, MartingaleSettings, PriceRounding, TakeProfitStep
from fairlead.core.model.money import ONE, ZERO
from fairlead.core.model.request import Size, SizeUnit

SOURCE: Final = "pionex"
KINDS: Final = ("composite", "diy")


def read_bot(fields: Fields) -> Imported:
    """Make settings of a bot.

    Raises:
        ImportFault: a field makes no bot.
    """
    kind = fields.choice("kind", KINDS, "missing")
    ladder = _diy(fields) if kind == "diy" else ()
    levels = len(ladder) if kind == "diy" else fields.count("safety_orders")
    scale = fields.number("volume_scale") or ONE
    base_shares = fields.number("base_shares") or ONE
    shares = [step.size for step in ladder] or [scale**level for level in range(levels)]
    # Money of one share: what is invested, over all shares.
    share = fields.positive("investment") / (base_shares + sum(shares, ZERO))
    settings = MartingaleSettings(
        base_order=_quote(share * base_shares),
        safety_order=_quote(share),
        max_safety_orders=levels,
        active_safety_orders=max(1, fields.count("max_active_safety_orders", levels)),
        step=ONE if ladder or not levels else fields.positive("price_deviation"),
        volume_scale=ONE if ladder else scale,
        custom_ladder=tuple(LadderStep(deviation=step.deviation, size=step.size * share) for step in ladder),
        take_profit=(TakeProfitStep(percent=fields.positive("take_profit_ratio")),),
        trailing=fields.number("trailing_rate") or None,
        price_rounding=PriceRounding.NEAREST,
    )
    symbol = fields.text("symbol").replace("_", "-").replace("/", "-")
    fields.leave("signal", "a cycle begins as soon as the one before is over: edit start")
    assumed = ["levels are measured from the price of the base order"]
    if not ladder:
        assumed.append(f"the base order is {base_shares} share(s), the first safety order one")
    return Imported(
        source=SOURCE,
        name=fields.text("name"),
        symbol=symbol,
        settings=settings,
        left_out=fields.left_out(),
        assumed=tuple(assumed),
    )


def _diy(fields: Fields) -> tuple[LadderStep, ...]:
    rows = fields.rows("safety_orders")
    if not rows:
        raise fields.fault("safety_orders", "must be a list of deviation and shares")
    for number, row in enumerate(rows, 1):
        if row.number("trailing_rate"):
            raise row.fault("trailing_rate", f"entries do not trail: leave it out of level {number}")
    return tuple(LadderStep(deviation=row.positive("deviation"), size=row.positive("shares")) for row in rows)


def _quote(amount: Decimal) -> Size:
    return Size(amount=amount, unit=SizeUnit.QUOTE)
