from __future__ import annotations

import threading
from decimal import Decimal, FloatOperation, getcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.core.model.money import (
    AMOUNT_DECIMALS_MAX,
    AMOUNT_INTEGER_DIGITS_MAX,
    PRECISION_DIGITS,
    AmountError,
    ceil_to_decimals,
    ceil_to_step,
    floor_to_decimals,
    floor_to_step,
    format_amount,
    is_multiple,
    parse_amount,
)

AMOUNTS = st.decimals(-(10**20) + 1, 10**20 - 1, places=18)
# Lots are no powers of ten only: 0.05, 5, 0.0003.
STEPS = st.builds(
    lambda digits, places: Decimal(digits).scaleb(-places), st.sampled_from((1, 2, 3, 5, 7, 25, 125)), st.integers(0, 9)
)
VALUES = st.decimals(-(10**9), 10**9, places=10)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", "0"),
        ("25", "25"),
        ("-3", "-3"),
        ("+3", "3"),
        ("0.1", "0.1"),
        ("007.50", "7.5"),
        ("1e-7", "0.0000001"),
        ("1E+2", "100"),
        ("0.000000000000000001", "0.000000000000000001"),
        ("99999999999999999999", "99999999999999999999"),
        ("1.0000000000000000000000", "1"),
        ("0e99", "0"),
    ],
)
def test_a_plain_number_is_read_exactly(text: str, value: str) -> None:
    assert parse_amount(text) == Decimal(value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " 1",
        "1 ",
        "1\n",
        "+",
        "-",
        ".5",
        "5.",
        "1_000",
        "1,000",
        "0x10",
        "NaN",
        "sNaN",
        "Infinity",
        "-inf",
        "1e400",
        "1e",
        "1e5.5",
        "--1",
        "\u0661\u0662",
        "\uff11",
        "1e20",
        "100000000000000000000",
        "1e-19",
        "0.0000000000000000001",
        "1" * 65,
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(AmountError):
        parse_amount(text)


@given(AMOUNTS)
def test_writing_and_reading_gives_the_number_back(value: Decimal) -> None:
    text = format_amount(value)
    assert parse_amount(text) == value
    assert "e" not in text.lower()
    assert not text.endswith(".")
    if "." in text:
        assert not text.endswith("0")
        assert len(text.partition(".")[2]) <= AMOUNT_DECIMALS_MAX
    assert len(text.lstrip("-").partition(".")[0]) <= AMOUNT_INTEGER_DIGITS_MAX


@pytest.mark.parametrize(
    ("value", "text"),
    [("0", "0"), ("-0", "0"), ("-0.000", "0"), ("1E+3", "1000"), ("1e-7", "0.0000001"), ("1.500", "1.5"), ("-2", "-2")],
)
def test_numbers_are_written_without_exponent_and_trailing_zeros(value: str, text: str) -> None:
    assert format_amount(Decimal(value)) == text


@given(value=VALUES, step=STEPS)
def test_rounding_down_is_a_multiple_not_above_and_less_than_a_step_below(value: Decimal, step: Decimal) -> None:
    rounded = floor_to_step(value, step)
    assert is_multiple(rounded, step)
    assert rounded <= value < rounded + step


@given(value=VALUES, step=STEPS)
def test_rounding_up_is_a_multiple_not_below_and_less_than_a_step_above(value: Decimal, step: Decimal) -> None:
    rounded = ceil_to_step(value, step)
    assert is_multiple(rounded, step)
    assert rounded - step < value <= rounded


@given(value=VALUES, step=STEPS)
def test_a_multiple_stays_what_it_is(value: Decimal, step: Decimal) -> None:
    multiple = floor_to_step(value, step)
    assert floor_to_step(multiple, step) == ceil_to_step(multiple, step) == multiple


@pytest.mark.parametrize(("value", "lots"), [("0.29", 29), ("0.57", 57), ("4.35", 435), ("1.1", 110), ("2.01", 201)])
def test_w08_sizes_that_floats_round_wrong_keep_their_last_lot(value: str, lots: int) -> None:
    assert floor_to_step(Decimal(value), Decimal("0.01")) == lots * Decimal("0.01")


@given(value=VALUES, places=st.integers(min_value=0, max_value=18))
def test_rounding_to_decimals_is_rounding_to_a_step_of_ten(value: Decimal, places: int) -> None:
    step = Decimal(1).scaleb(-places)
    assert str(floor_to_decimals(value, step)) == str(floor_to_step(value, step))
    assert ceil_to_decimals(value, step) == ceil_to_step(value, step)


def test_a_float_never_becomes_money() -> None:
    with pytest.raises(FloatOperation):
        Decimal(0.1)  # noqa: RUF032  # that it is refused is the point
    with pytest.raises(FloatOperation):
        _ = Decimal(1) < 0.5


def test_other_threads_are_as_strict() -> None:
    seen: list[object] = []

    def look() -> None:
        seen.append(getcontext().prec)
        try:
            Decimal(0.1)  # noqa: RUF032
        except FloatOperation as error:
            seen.append(type(error))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen == [PRECISION_DIGITS, FloatOperation]
