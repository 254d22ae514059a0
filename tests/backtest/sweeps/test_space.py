from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.backtest.sweeps.heat_map import draw_heat_map
from fairlead.backtest.sweeps.space import Axis, Space, SpaceError, read_axis, read_space
from fairlead.core.model.bots.martingale import MartingaleSettings

SPACE = Space((Axis("step", ("0.6", "1", "1.4")), Axis("volume_scale", ("1", "1.5"))))


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("step=0.6:2:5", ("0.6", "0.95", "1.3", "1.65", "2")),
        ("step=0.1:10:3:log", ("0.1", "1", "10")),
        ("max_safety_orders=3:9:3", ("3", "6", "9")),
        ("step=1:2:4", ("1", "1.33333", "1.66667", "2")),
        ("take_profit=0.6, 0.8,1", ("0.6", "0.8", "1")),
        ("take_profit=[{percent=1,share=50},{percent=2,share=50}],1", None),
        ("base_order=50 quote,100 quote", ("50 quote", "100 quote")),
        ("trailing=none,0.5", ("none", "0.5")),
    ],
)
def test_an_axis_is_a_range_or_a_list(text: str, values: tuple[str, ...] | None) -> None:
    assert read_axis(text).values == (values or ("[{percent=1,share=50},{percent=2,share=50}]", "1"))


@pytest.mark.parametrize(
    ("texts", "says"),
    [
        (("step",), "must be FIELD=FROM:TO:COUNT"),
        (("step=2:1:5",), "FROM must be below TO"),
        (("step=0:1:5:log",), "above 0 for equal ratios"),
        (("step=1:2:1",), "COUNT must be from 2"),
        (("step=1.2.3:2:3",), "must be numbers"),
        (("step=1,1",), "every value once"),
        (("step=1,2", "step=3,4"), "varied twice"),
        (("stap=1,2",), "did you mean step"),
        (("max_safety_orders=1:2:3",), "max_safety_orders=1.5"),
        (tuple(f"conditions.{letter}=1:2:10000" for letter in "abcdef"), "combinations: at most"),
    ],
)
def test_what_is_no_space_is_refused_by_name(texts: tuple[str, ...], says: str) -> None:
    with pytest.raises(SpaceError, match=says):
        read_space(texts, {})


def test_a_combination_makes_settings() -> None:
    space = read_space(("step=1,2", "take_profit=0.6,0.8"), {"max_safety_orders": 3})
    settings = space.settings({"max_safety_orders": 3}, 3)
    assert isinstance(settings, MartingaleSettings)
    assert (str(settings.step), str(settings.take_profit[0].percent), settings.levels) == ("2", "0.8", 3)


@given(st.lists(st.integers(1, 7), min_size=1, max_size=5), st.data())
def test_every_combination_has_one_number(lengths: list[int], data: st.DataObject) -> None:
    space = Space(tuple(Axis(f"a{n}", tuple(map(str, range(length)))) for n, length in enumerate(lengths)))
    number = data.draw(st.integers(0, space.total - 1))
    assert space.number(space.places(number)) == number
    for beside in space.neighbours(number):
        apart = [abs(one - two) for one, two in zip(space.places(number), space.places(beside), strict=True)]
        assert sum(apart) == 1


def test_a_cell_of_the_heat_map_has_the_best_of_the_other_axes() -> None:
    space = Space((*SPACE.axes, Axis("take_profit", ("1", "2"))))
    values = {number: float(number) for number in range(space.total - 1)}
    drawn = draw_heat_map(space, ("step", "volume_scale"), values, figure="sharpe", is_largest_best=True)
    assert drawn.cells == ((1.0, 5.0, 9.0), (3.0, 7.0, 10.0))
    assert drawn.best == (1, 2)
    lowest = draw_heat_map(space, ("step", "volume_scale"), values, figure="fees", is_largest_best=False)
    assert (lowest.cells[0], lowest.best) == ((0.0, 4.0, 8.0), (0, 0))


def test_a_heat_map_says_what_was_not_tried() -> None:
    drawn = draw_heat_map(SPACE, ("step", "volume_scale"), {0: 1.0, 1: None}, figure="sharpe", is_largest_best=True)
    assert drawn.cells == ((1.0, None, None), (None, None, None))
    with pytest.raises(ValueError, match="varied are step, volume_scale"):
        draw_heat_map(SPACE, ("step", "cash"), {}, figure="sharpe", is_largest_best=True)
