"""Which addresses a request may go to (T4): those of the public Internet, none that leads back inside.

The lists are written out, since the answer of `ipaddress.is_global` changed between Python versions.
Source: https://www.iana.org/assignments/iana-ipv4-special-registry, …/iana-ipv6-special-registry
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address

_REFUSED_V4 = {
    "this network": "0.0.0.0/8",
    "private": "10.0.0.0/8 172.16.0.0/12 192.168.0.0/16",
    "shared by carriers": "100.64.0.0/10",
    "loopback": "127.0.0.0/8",
    "link-local": "169.254.0.0/16",
    "reserved": "192.0.0.0/24 192.31.196.0/24 192.52.193.0/24 192.88.99.0/24 192.175.48.0/24 240.0.0.0/4",
    "for documentation": "192.0.2.0/24 198.51.100.0/24 203.0.113.0/24",
    "for benchmarks": "198.18.0.0/15",
    "multicast": "224.0.0.0/4",
}
_V4 = [(IPv4Network(net), kind) for kind, nets in _REFUSED_V4.items() for net in nets.split()]

_GLOBAL_V6 = IPv6Network("2000::/3")
_REFUSED_V6 = {
    "reserved or a tunnel": "2001::/23 2002::/16 2620:4f:8000::/48",
    "for documentation": "2001:db8::/32 3fff::/20",
}
_V6 = [(IPv6Network(net), kind) for kind, nets in _REFUSED_V6.items() for net in nets.split()]

_NAT64 = IPv6Network("64:ff9b::/96")


def parse_address(text: str) -> Address | None:
    """The address that `text` writes in the one usual form, without a zone; None if it writes none."""
    try:
        return None if "%" in text else ip_address(text)
    except ValueError:
        return None


def is_loopback(address: Address) -> bool:
    """127.0.0.0/8 and ::1; not their mapped forms, which nothing honest uses."""
    if isinstance(address, IPv4Address):
        return address.is_loopback
    return address == IPv6Address("::1")


def why_not_public(address: Address) -> str | None:
    """None for an address of the public Internet, else what it is instead."""
    if isinstance(address, IPv4Address):
        return next((kind for net, kind in _V4 if address in net), None)
    if is_loopback(address):
        return "loopback"
    if address in _NAT64:  # on networks with DNS64 each IPv4 host has such an address: judge that one
        return why_not_public(IPv4Address(int(address) & 0xFFFFFFFF))
    if address not in _GLOBAL_V6:
        return "link-local, private, multicast, mapped or reserved"
    return next((kind for net, kind in _V6 if address in net), None)
