"""Draws the pictures of docs/bots.md: `.venv/bin/python -m tests.reporting.pictures` after the drawing has changed."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Final

from fairlead.accounts.bot_presets import assign, built_in_presets, to_settings
from fairlead.core.model.account import FeeRates
from fairlead.core.rules.bots.imagined_market import Terms
from fairlead.core.rules.bots.preview import new_state, preview_bot
from fairlead.reporting.ladder_svg import ladder_svg
from fairlead.simulator.instruments import DEFAULT_INSTRUMENTS, DEFAULT_START_PRICES

FOLDER: Final = Path(__file__).resolve().parents[2] / "docs" / "pictures"
_SPOT: Final = "BTC-USDT"
_SWAP: Final = "BTC-USDT-SWAP"
_FIXED: Final = ("type=martingale", "step=6", "max_safety_orders=5", "volume_scale=1", "take_profit=[{percent=2}]")

# Name of the picture: its title, its instrument, a preset or none, and what is set besides.
PICTURES: Final[dict[str, tuple[str, str, str, tuple[str, ...]]]] = {
    "balanced": ("Preset balanced on BTC-USDT", _SPOT, "balanced", ()),
    "conservative": ("Preset conservative: a stop-loss beyond the last level", _SPOT, "conservative", ()),
    "short": ("Preset short-balanced on BTC-USDT-SWAP", _SWAP, "short-balanced", ()),
    "volume-scale": (
        "balanced with volume_scale = 2: the last level costs the most",
        _SPOT,
        "balanced",
        ("volume_scale=2",),
    ),
    "step-scale": (
        "balanced with step_scale = 1.6: levels further and further apart",
        _SPOT,
        "balanced",
        ("step_scale=1.6",),
    ),
    "from-base": ('step = 6, deviation_from = "base": 6, 12, 18 %', _SPOT, "", _FIXED),
    "from-previous": (
        'step = 6, deviation_from = "previous_level": each 6 % below the one before',
        _SPOT,
        "",
        (*_FIXED, "deviation_from=previous_level"),
    ),
    "grid": ("Preset grid-range on BTC-USDT", _SPOT, "grid-range", ()),
}


def draw(name: str) -> str:
    """Draw one picture."""
    title, symbol, preset, changes = PICTURES[name]
    instrument = next(one for one in DEFAULT_INSTRUMENTS if one.symbol == symbol)
    price = DEFAULT_START_PRICES[symbol]
    values = built_in_presets()[preset].values(price, instrument) if preset else {}
    for change in changes:
        values = assign(values, change)
    settings = to_settings(values)
    terms = Terms(fees=FeeRates(), leverage=settings.leverage or Decimal(1), cash=Decimal(10_000))
    state = new_state(settings, instrument, terms, tenant="", account_id="")
    return ladder_svg(preview_bot(state, settings, instrument, terms, price), title)


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for picture in PICTURES:
        (FOLDER / f"{picture}.svg").write_text(draw(picture), encoding="utf-8")
