"""Who calls from where: allow-lists of networks, and the caller's address behind trusted proxies."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

IpAddress = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# All of TradingView's customers share these four (docs/alerts.md).
TRADINGVIEW: Final = "tradingview"
TRADINGVIEW_ADDRESSES: Final = ("52.89.214.238", "34.212.75.30", "54.218.53.128", "52.32.178.7")
PRESETS: Final = {TRADINGVIEW: TRADINGVIEW_ADDRESSES}
ENTRIES_MAX: Final = 256
FORWARDED_HOPS_MAX: Final = 32
ADDRESSES_REMEMBERED_MAX: Final = 1_024
ADDRESS_LENGTH_MAX: Final = 64


class AddressListError(ValueError):
    """A text that is not a list of addresses, networks and presets."""


class AddressList:
    """Networks that may call; an empty list lets everybody in."""

    def __init__(self, entries: Iterable[str | Network]) -> None:
        """Read addresses, networks in CIDR notation, and names of presets.

        Raises:
            AddressListError: an entry is none of these, or there are too many.
        """
        written = [str(entry) for entry in entries]
        self._rules = [(entry, network) for entry in check_address_list(written) for network in _read_entry(entry)]

    def find_rule(self, address: IpAddress | None) -> str | None:
        """Name the entry that lets an address in; None when none does, ``everyone`` when the list is empty."""
        if not self._rules:
            return "everyone"
        if address is None:
            return None
        return next((entry for entry, network in self._rules if address in network), None)

    def allows(self, address: IpAddress | None) -> bool:
        """Whether the address may call."""
        return self.find_rule(address) is not None


def check_address_list(entries: Iterable[str]) -> tuple[str, ...]:
    """Tidy a list of addresses, networks and presets, as it is kept.

    Raises:
        AddressListError: an entry is none of these, or there are too many.
    """
    tidy = tuple(dict.fromkeys(entry.strip().lower() for entry in entries))
    if len(tidy) > ENTRIES_MAX:
        raise AddressListError(f"a list may have at most {ENTRIES_MAX} entries, this has {len(tidy)}")
    for entry in tidy:
        _read_entry(entry)
    return tidy


def _read_entry(entry: str) -> list[Network]:
    try:
        return [ip_network(address) for address in PRESETS.get(entry, (entry,))]
    except ValueError as error:
        known = ", ".join(PRESETS)
        raise AddressListError(f"{entry[:64]!r} is not an address, a network or a preset ({known})") from error


TRADINGVIEW_LIST: Final = AddressList([TRADINGVIEW])


def is_tradingview(address: IpAddress | None) -> bool:
    """Whether the caller is one of TradingView's senders."""
    return address is not None and TRADINGVIEW_LIST.allows(address)


def parse_address(text: str) -> IpAddress | None:
    """Read one address; an IPv4 address in IPv6 clothes is the IPv4 address it is."""
    # Callers come again and again, and reading costs as much as all else that is asked about an address.
    return _recall_address(text) if len(text) <= ADDRESS_LENGTH_MAX else _read_address(text)


@lru_cache(maxsize=ADDRESSES_REMEMBERED_MAX)
def _recall_address(text: str) -> IpAddress | None:
    return _read_address(text)


def _read_address(text: str) -> IpAddress | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def find_client(peer: str, forwarded: Sequence[str], trusted: Sequence[Network]) -> IpAddress | None:
    """Find the caller's address: the right-most hop that is no trusted proxy, starting at the direct peer.

    ``forwarded`` are the values of all X-Forwarded-For headers in order. They are believed only as far as trusted
    proxies wrote them, so whatever a caller puts in front has no effect. None when a proxy wrote no address.
    """
    address = parse_address(peer)
    hops = [hop.strip() for value in forwarded for hop in value.split(",")][-FORWARDED_HOPS_MAX:]
    while hops and address is not None and _is_trusted(address, trusted):
        address = parse_address(_strip_port(hops.pop()))
    return address


def _is_trusted(address: IpAddress, trusted: Sequence[Network]) -> bool:
    return any(address in network for network in trusted)


def _strip_port(hop: str) -> str:
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    return hop.partition(":")[0] if hop.count(":") == 1 else hop
