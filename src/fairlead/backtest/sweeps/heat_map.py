"""How a figure goes with two settings: a cell for each pair of their values, the best of everything else."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from fairlead.backtest.sweeps.space import Space


class HeatMap(msgspec.Struct, frozen=True, kw_only=True):
    """One figure over two axes: ``cells[row][column]`` belongs to ``y_values[row]`` and ``x_values[column]``.

    None: nothing was tried there, or the figure is not known. ``figure`` is its name; ``is_largest_best`` says which
    way is better. ``best`` is the row and column of the best cell, if there is one.
    """

    figure: str
    is_largest_best: bool
    x_name: str
    x_values: tuple[str, ...]
    y_name: str
    y_values: tuple[str, ...]
    cells: tuple[tuple[float | None, ...], ...]
    best: tuple[int, int] | None = None


def draw_heat_map(
    space: Space, axes: tuple[str, str], values: Mapping[int, float | None], *, figure: str, is_largest_best: bool
) -> HeatMap:
    """Lay combinations out over two axes; a cell has the best of all combinations that fall on it.

    ``values`` has the figure of each combination by its number.

    Raises:
        ValueError: an axis is not in the space, or both are the same.
    """
    names = [axis.name for axis in space.axes]
    for name in axes:
        if name not in names:
            message = f"{name} is not varied; varied are {', '.join(names)}"
            raise ValueError(message)
    if axes[0] == axes[1]:
        message = f"a heat map has two axes, and {axes[0]} is only one"
        raise ValueError(message)
    column_axis, row_axis = names.index(axes[0]), names.index(axes[1])
    found: dict[tuple[int, int], float] = {}
    for number, value in values.items():
        if value is None:
            continue
        places = space.places(number)
        cell = places[row_axis], places[column_axis]
        known = found.get(cell)
        if known is None or (value > known if is_largest_best else value < known):
            found[cell] = value
    x_values, y_values = space.axes[column_axis].values, space.axes[row_axis].values
    rank = 1 if is_largest_best else -1
    return HeatMap(
        figure=figure,
        is_largest_best=is_largest_best,
        x_name=axes[0],
        x_values=x_values,
        y_name=axes[1],
        y_values=y_values,
        cells=tuple(tuple(found.get((row, column)) for column in range(len(x_values))) for row in range(len(y_values))),
        best=max(found, key=lambda cell: (rank * found[cell], -cell[0], -cell[1]), default=None),
    )
