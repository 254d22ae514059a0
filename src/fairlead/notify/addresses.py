"""Which addresses on the network belong to everybody, and which only to whoever sits in it."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final

# Each holds an IPv4 address that a gateway would go on to: NAT64 (RFC 6052) in the last 32 bits.
_NAT64: Final = IPv6Network("64:ff9b::/96")
_IPV4_BITS: Final = 0xFFFF_FFFF


def is_public(text: str) -> bool:
    """Whether an address can be reached from everywhere; also not when it hides a private one inside."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return False
    inner = _unwrap(address)
    return all(one.is_global and not one.is_multicast for one in (address, inner) if one is not None)


def read_literal(host: str) -> str | None:
    """A host that is an address and no name, also in the old forms such as ``127.1``; None for names."""
    try:
        return str(ip_address(host.partition("%")[0]))
    except ValueError:
        # Resolvers take numbers for addresses in many forms; no public name ends in a number.
        last = host.rstrip(".").rpartition(".")[2].lower()
        return "0.0.0.0" if last.isdecimal() or last.startswith("0x") else None  # noqa: S104  # it stands for "not public"


def _unwrap(address: IPv4Address | IPv6Address) -> IPv4Address | None:
    if isinstance(address, IPv4Address):
        return None
    if address in _NAT64:
        return IPv4Address(int(address) & _IPV4_BITS)
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
