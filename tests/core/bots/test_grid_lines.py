from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from fairlead.core.model.bots.grid import GridDirection, GridSettings, Spacing
from fairlead.core.model.instrument import Instrument, InstrumentKind
from fairlead.core.model.request import Size, SizeUnit
from fairlead.core.rules.bots.grid_lines import GridLines, grid_problems
from tests.core.bots.toy_exchange import SPOT

PERPETUAL = replace(
    SPOT,
    symbol="BTC-USDT-SWAP",
    kind=InstrumentKind.LINEAR_PERPETUAL,
    lot_size=Decimal("0.01"),
    quantity_min=Decimal("0.01"),
    contract_value=Decimal("0.01"),
)
INVERSE = replace(
    SPOT,
    symbol="BTC-USD-SWAP",
    kind=InstrumentKind.INVERSE_PERPETUAL,
    quote_currency="USD",
    settle_currency="BTC",
    lot_size=Decimal(1),
    quantity_min=Decimal(1),
    contract_value=Decimal(100),
)


def grid(lower: str, upper: str, lines: int, **changes: object) -> GridSettings:
    return replace(GridSettings(lower=Decimal(lower), upper=Decimal(upper), lines=lines), **changes)


def test_an_arithmetic_grid_has_equal_gaps() -> None:
    lines = GridLines(grid("1000", "2000", 4), SPOT)
    assert [lines.price(line) for line in range(5)] == [1000, 1250, 1500, 1750, 2000]


def test_a_geometric_grid_has_equal_ratios() -> None:
    lines = GridLines(grid("100", "1600", 4, spacing=Spacing.GEOMETRIC), SPOT)
    assert [lines.price(line) for line in range(5)] == [100, 200, 400, 800, 1600]


def test_both_ends_are_exact_where_the_steps_between_are_not() -> None:
    for spacing in Spacing:
        lines = GridLines(grid("26000.1", "30999.9", 7, spacing=spacing), SPOT)
        assert (lines.price(0), lines.price(7)) == (Decimal("26000.1"), Decimal("30999.9"))


def test_lines_between_ticks_go_to_the_nearest() -> None:
    # 100 + 1/3, 100 + 2/3; a half goes up.
    assert [GridLines(grid("100", "101", 3), SPOT).price(line) for line in (1, 2)] == [
        Decimal("100.33"),
        Decimal("100.67"),
    ]
    assert GridLines(grid("100", "100.05", 2), SPOT).price(1) == Decimal("100.03")


def test_lines_go_on_beyond_both_ends() -> None:
    lines = GridLines(grid("1000", "2000", 4), SPOT)
    assert [lines.price(-1), lines.price(5)] == [750, 2250]
    lines = GridLines(grid("100", "1600", 4, spacing=Spacing.GEOMETRIC), SPOT)
    assert [lines.price(-1), lines.price(5)] == [50, 3200]


@pytest.mark.parametrize(
    ("spacing", "low", "high"),
    # gap 10, fee 0.1 %: 10 x 0.999 / 100 - 0.002 at the lowest line, 10 x 0.999 / 190 - 0.002 at the highest.
    [(Spacing.ARITHMETIC, "0.0979", "0.050579"), (Spacing.GEOMETRIC, "0.069702", "0.069702")],
)
def test_the_profit_of_a_pair_is_what_both_orders_leave_after_fees(spacing: Spacing, low: str, high: str) -> None:
    fine = replace(SPOT, tick_size=Decimal("1E-12"))
    lines = GridLines(grid("100", "200", 10, spacing=spacing), fine)
    fee = Decimal("0.001")
    assert round(lines.profit(0, fee), 6) == Decimal(low)
    assert round(lines.profit(9, fee), 6) == Decimal(high)


def test_the_profit_of_an_inverse_pair_is_in_the_coin() -> None:
    # 1 contract of 100 USD: worth 1 coin at 100, 0.5 coins at 200.
    assert GridLines(grid("100", "200", 1), INVERSE).profit(0, Decimal(0)) == Decimal("0.5")


def test_each_order_is_the_size_of_a_line_at_its_own_price() -> None:
    per_line = Size(amount=Decimal(100), unit=SizeUnit.QUOTE)
    lines = GridLines(grid("100", "200", 1, per_line=per_line), SPOT)
    assert lines.quantity(0, is_long=True) == Decimal(1)
    assert lines.quantity(0, is_long=False) == Decimal("0.5")
    assert GridLines(grid("100", "200", 1, per_line=per_line), PERPETUAL).quantity(0, is_long=True) == 100


@pytest.mark.parametrize(
    ("settings", "instrument", "says"),
    [
        (grid("200", "100", 4), SPOT, "below upper"),
        (grid("0", "100", 4), SPOT, "above zero"),
        (grid("100", "200", 0), SPOT, "1 to 500"),
        (grid("100", "200", 501), SPOT, "1 to 500"),
        (grid("100", "100.02", 4), SPOT, "one tick"),
        (grid("100", "200", 4, direction=GridDirection.SHORT), SPOT, "cannot be sold short"),
        (grid("100", "200", 4, direction=GridDirection.NEUTRAL, trail_up=Decimal(300)), PERPETUAL, "cannot trail"),
        (grid("100", "200", 4, trail_up=Decimal(300), expand_up=2), SPOT, "together"),
        (grid("100", "200", 4, trail_down=Decimal(50), expand_down=2), SPOT, "together"),
        (grid("100", "200", 4, stop_below=Decimal(100)), SPOT, "stop_below"),
        (grid("100", "200", 4, stop_above=Decimal(150)), SPOT, "stop_above"),
        (grid("100", "200", 4, take_profit=Decimal(0)), SPOT, "take_profit"),
        (grid("100", "200", 4, per_line=Size(amount=Decimal(5), unit=SizeUnit.PERCENT)), SPOT, "per_line"),
        (grid("100", "200", 4, per_line=Size(amount=Decimal("0.0001"), unit=SizeUnit.QUOTE)), SPOT, "least order"),
    ],
)
def test_what_makes_no_grid_is_said_with_numbers(settings: GridSettings, instrument: Instrument, says: str) -> None:
    assert any(says in problem for problem in grid_problems(settings, instrument))


def test_a_sound_grid_has_no_problems() -> None:
    assert not grid_problems(grid("100", "200", 10), SPOT)
