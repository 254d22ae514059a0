"""Checks: each kind of trouble is found where it was put, and nowhere else."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from fairlead.market.candles.checks import Fault, Finding, check_table, count_missing
from fairlead.market.candles.generate import BEGIN_MS, generate_series
from fairlead.market.candles.load import table_of_series
from fairlead.market.candles.table import CandleTable

MINUTE_MS = 60_000


@pytest.fixture(name="sound")
def _sound() -> CandleTable:
    return table_of_series(generate_series("BTC-USDT", candles=1_000, seed=1))


def changed(table: CandleTable, column: str, rows: slice, value: int) -> CandleTable:
    prices = {name: values.copy() for name, values in table.prices.items()}
    prices[column][rows] = value
    return replace(table, prices=prices)


def only(findings: list[Finding], fault: Fault) -> Finding:
    (one,) = findings
    assert one.fault is fault
    return one


def at(minute: int) -> int:
    return BEGIN_MS + minute * MINUTE_MS


def test_generated_candles_are_without_fault(sound: CandleTable) -> None:
    assert check_table(sound, MINUTE_MS, tick=Decimal("0.01")) == []


def test_a_gap_is_told_with_its_time_and_size(sound: CandleTable) -> None:
    holed = sound.rows(np.delete(np.arange(1_000), [400, 401, 402]))
    found = only(check_table(holed, MINUTE_MS), Fault.GAP)
    assert (found.begin_ms, found.end_ms, found.candles) == (at(400), at(403), 3)
    assert count_missing(holed.opened_ms, MINUTE_MS) == 3


def test_doubles_are_told_with_whether_they_agree(sound: CandleTable) -> None:
    twice = sound.rows(np.sort(np.append(np.arange(1_000), [7])))
    assert "2 times, all the same" in only(check_table(twice, MINUTE_MS), Fault.DUPLICATE).text
    prices = changed(twice, "high", slice(7, 8), 10**8)
    assert "different values" in only(check_table(prices, MINUTE_MS), Fault.DUPLICATE).text


def test_rows_out_of_order_are_one_finding_for_a_run(sound: CandleTable) -> None:
    late = sound.rows(np.concatenate((np.arange(100), np.arange(110, 1_000), np.arange(100, 110))))
    found = only(check_table(late, MINUTE_MS), Fault.OUT_OF_ORDER)
    assert (found.begin_ms, found.end_ms, found.candles) == (at(100), at(110), 10)


def test_minutes_without_trade_are_one_finding_for_a_run(sound: CandleTable) -> None:
    volume = sound.volume.copy()
    volume[500:520] = 0
    found = only(check_table(replace(sound, volume=volume), MINUTE_MS), Fault.ZERO_VOLUME)
    assert (found.begin_ms, found.end_ms, found.candles) == (at(500), at(520), 20)


def test_prices_off_the_tick_are_found(sound: CandleTable) -> None:
    tenths = replace(sound, prices={name: column // 10 * 10 for name, column in sound.prices.items()})
    assert check_table(tenths, MINUTE_MS, tick=Decimal("0.1")) == []
    off = changed(tenths, "high", slice(3, 4), 99_999_999)
    assert only(check_table(off, MINUTE_MS, tick=Decimal("0.1")), Fault.OFF_TICK).begin_ms == at(3)
    assert check_table(tenths, MINUTE_MS, tick=Decimal("0.005")) == []
    assert check_table(tenths, MINUTE_MS, tick=Decimal("0.3"))


def test_a_high_below_a_close_and_a_low_of_zero_are_found(sound: CandleTable) -> None:
    assert only(check_table(changed(sound, "high", slice(9, 10), 1), MINUTE_MS), Fault.INCONSISTENT).begin_ms == at(9)
    assert only(check_table(changed(sound, "low", slice(9, 11), 0), MINUTE_MS), Fault.INCONSISTENT).candles == 2


def test_a_jump_is_told_with_its_prices(sound: CandleTable) -> None:
    prices = {name: column.copy() for name, column in sound.prices.items()}
    for column in prices.values():
        column[600:] *= 2
    found = only(check_table(replace(sound, prices=prices), MINUTE_MS), Fault.JUMP)
    assert found.begin_ms == at(600)
    assert found.text.startswith("+")
    assert check_table(replace(sound, prices=prices), MINUTE_MS, jump_percent=Decimal(150)) == []


def test_candles_that_begin_between_minutes_are_off_the_grid(sound: CandleTable) -> None:
    shifted = replace(sound, opened_ms=sound.opened_ms + 1)
    assert only(check_table(shifted, MINUTE_MS), Fault.OFF_GRID).candles == 1_000


def test_nothing_has_no_faults(sound: CandleTable) -> None:
    assert check_table(sound.rows(slice(0, 0)), MINUTE_MS) == []
