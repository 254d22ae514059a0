"""How often is counted exactly, for as long as a window lasts, and in bounded memory."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import pytest

from fairlead.clock import VirtualClock
from fairlead.web.rates import COUNTED_MAX, FAILURES_PER_MINUTE_MAX, WINDOW_S, CallRates

SENDER = IPv4Address("203.0.113.9")


@pytest.fixture(name="clock")
def _clock() -> VirtualClock:
    return VirtualClock(1_700_000_000_000)


def test_a_window_begins_with_the_first_call_and_ends_after_a_minute(clock: VirtualClock) -> None:
    rates = CallRates(clock)
    assert [rates.hit_hook("h1", 2) for _ in range(3)] == [None, None, WINDOW_S]
    clock.advance_ms(WINDOW_S * 1_000 - 500)
    assert rates.hit_hook("h1", 2) == 1
    assert rates.hit_hook("h2", 2) is None
    clock.advance_ms(500)
    assert rates.hit_hook("h1", 2) is None
    assert rates.counted == 2


def test_a_look_counts_nothing_and_agrees_with_the_count(clock: VirtualClock) -> None:
    rates = CallRates(clock)
    for _ in range(FAILURES_PER_MINUTE_MAX):
        assert rates.blocked_s(SENDER) is None
        assert rates.note_failure(SENDER) is None
    assert rates.blocked_s(SENDER) == rates.note_failure(SENDER) == WINDOW_S


def test_a_network_of_ipv6_counts_as_one_caller(clock: VirtualClock) -> None:
    rates = CallRates(clock)
    network = int(IPv6Address("2001:db8::"))
    waits = [rates.note_failure(IPv6Address(network + number)) for number in range(FAILURES_PER_MINUTE_MAX + 1)]
    assert waits == [None] * FAILURES_PER_MINUTE_MAX + [WINDOW_S]
    assert rates.note_failure(IPv6Address(network + (1 << 64))) is None


def test_a_flood_of_addresses_takes_bounded_memory_and_is_forgotten(clock: VirtualClock) -> None:
    rates = CallRates(clock)
    first = int(IPv4Address("20.0.0.0"))
    waits = [rates.note_failure(IPv4Address(first + number)) for number in range(COUNTED_MAX + 1_000)]
    assert rates.counted <= COUNTED_MAX + 1
    # Those who were not counted by themselves share one count.
    assert waits[-1] == WINDOW_S
    assert rates.blocked_s(IPv4Address(first)) is None
    assert rates.hit_hook("h1", 1_000) is None
    clock.advance_ms(WINDOW_S * 1_000)
    assert rates.note_failure(SENDER) is None
    assert rates.counted == 1
