"""Only a listed proxy is believed, only about the hop before it, and an address list means what it says."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.accounts.addresses import (
    TRADINGVIEW_ADDRESSES,
    AddressList,
    AddressListError,
    check_address_list,
    find_client,
    is_tradingview,
    parse_address,
)

TRUSTED = [ip_network("10.0.0.0/8"), ip_network("fd00::/8")]


def find(peer: str, *forwarded: str) -> str:
    return str(find_client(peer, forwarded, TRUSTED))


def test_a_stranger_is_not_believed_about_where_a_call_came_from() -> None:
    assert find("203.0.113.9", "52.89.214.238") == "203.0.113.9"


def test_a_trusted_proxy_is_believed_about_the_hop_before_it() -> None:
    assert find("10.1.2.3", "203.0.113.9") == "203.0.113.9"
    assert find("fd00::1", "2001:db8::7") == "2001:db8::7"


def test_the_right_most_hop_that_is_no_proxy_counts_whatever_the_caller_put_before_it() -> None:
    assert find("10.1.2.3", "52.89.214.238, 203.0.113.9, 10.9.9.9") == "203.0.113.9"
    assert find("10.1.2.3", "52.89.214.238", "203.0.113.9") == "203.0.113.9"
    assert find("10.1.2.3", "127.0.0.1" + ", 127.0.0.1" * 1000 + ", 203.0.113.9") == "203.0.113.9"


def test_a_proxy_that_calls_itself_is_the_caller() -> None:
    assert find("10.1.2.3") == "10.1.2.3"
    assert find("10.1.2.3", "10.4.5.6") == "10.4.5.6"


@pytest.mark.parametrize(
    ("hop", "address"),
    [
        ("203.0.113.9:4711", "203.0.113.9"),
        ("[2001:db8::7]:4711", "2001:db8::7"),
        ("[2001:db8::7]", "2001:db8::7"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        (" 203.0.113.9 ", "203.0.113.9"),
        ("unknown", "None"),
        ("", "None"),
        ("203.0.113.9.evil", "None"),
    ],
)
def test_hops_are_read_as_proxies_write_them(hop: str, address: str) -> None:
    assert find("10.1.2.3", hop) == address


def test_an_ipv4_address_in_ipv6_clothes_is_itself() -> None:
    assert parse_address("::ffff:52.89.214.238") == ip_address("52.89.214.238")
    assert find("::ffff:10.1.2.3", "203.0.113.9") == "203.0.113.9"


def test_the_tradingview_preset_is_its_four_addresses() -> None:
    addresses = AddressList(["TradingView", "192.0.2.0/24"])
    for text in TRADINGVIEW_ADDRESSES:
        assert addresses.find_rule(ip_address(text)) == "tradingview"
        assert is_tradingview(ip_address(text))
    assert addresses.find_rule(ip_address("192.0.2.77")) == "192.0.2.0/24"
    assert addresses.find_rule(ip_address("203.0.113.9")) is None
    assert not addresses.allows(None)
    assert not is_tradingview(None)
    assert len(TRADINGVIEW_ADDRESSES) == 4


def test_an_empty_list_lets_everybody_in() -> None:
    assert AddressList(()).find_rule(None) == "everyone"


@pytest.mark.parametrize("entry", ["", "example.org", "10.0.0.1/8", "300.0.0.1", "10.0.0.0/33", "tradingviews"])
def test_an_entry_that_is_no_network_is_refused(entry: str) -> None:
    with pytest.raises(AddressListError):
        check_address_list([entry])


def test_a_list_is_kept_tidy_and_short() -> None:
    assert check_address_list([" TRADINGVIEW ", "tradingview", "::1"]) == ("tradingview", "::1")
    with pytest.raises(AddressListError):
        AddressList(f"10.0.{number // 250}.{number % 250}" for number in range(300))


@given(st.text(max_size=60), st.lists(st.text(max_size=60), max_size=4))
def test_any_header_gives_an_address_or_none(peer: str, forwarded: list[str]) -> None:
    address = find_client(peer, forwarded, TRUSTED)
    assert address is None or parse_address(str(address)) is not None


@given(st.text(alphabet="0123456789., :[]", max_size=80))
def test_a_stranger_cannot_choose_its_address(forwarded: str) -> None:
    assert find("203.0.113.9", forwarded) == "203.0.113.9"
    assert find("10.1.2.3", forwarded, "203.0.113.9") == "203.0.113.9"
