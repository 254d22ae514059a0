"""Makes a bot larger or smaller: every size by the same factor, so that the shape of its ladder stays."""

from __future__ import annotations

from decimal import ROUND_DOWN, Decimal
from typing import Final

from msgspec.structs import replace

from fairlead.core.model.bots.bot import Settings
from fairlead.core.model.bots.grid import GridSettings
from fairlead.core.model.bots.martingale import MartingaleSettings
from fairlead.core.model.request import Size, SizeUnit

# Sizes in quote currency are told in cents; others keep what they need.
_CENT: Final = Decimal("0.01")
_FINEST: Final = Decimal("1E-12")


def scale_sizes(settings: Settings, factor: Decimal) -> Settings:
    """Multiply every size; sizes in percent follow the account by themselves and stay."""
    match settings:
        case MartingaleSettings():
            unit = settings.safety_order.unit
            ladder = tuple(
                replace(step, size=_scale(Size(amount=step.size, unit=unit), factor).amount)
                for step in settings.custom_ladder
            )
            return replace(
                settings,
                base_order=_scale(settings.base_order, factor),
                safety_order=_scale(settings.safety_order, factor),
                custom_ladder=ladder,
            )
        case GridSettings():
            return replace(settings, per_line=_scale(settings.per_line, factor))
        case _:
            return settings


def _scale(size: Size, factor: Decimal) -> Size:
    if size.unit is SizeUnit.PERCENT:
        return size
    step = _CENT if size.unit is SizeUnit.QUOTE else _FINEST
    return replace(size, amount=(size.amount * factor).quantize(step, ROUND_DOWN))
