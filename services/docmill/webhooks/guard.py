"""Which addresses a webhook may reach: those of the public internet, and what the operator allows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

from docmill.domain.errors import InvalidArgument, Reason

__all__ = ["Address", "Guard", "Network", "parse_networks"]

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# Python's `is_global` follows older registries and takes multicast for global, so the ranges stand here:
# https://www.iana.org/assignments/iana-ipv4-special-registry, ...-ipv6-special-registry (RFC 6890 and successors).
_NOT_PUBLIC_V4 = [
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carrier-grade NAT; a cloud's metadata at 100.100.100.200
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # a cloud's metadata, on a public address
        "169.254.0.0/16",  # link-local; metadata of most clouds
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments; a cloud's metadata at 192.0.0.192
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved; broadcast
    )
]
_PUBLIC_V6 = IPv6Network("2000::/3")  # all of global unicast; everything else is local, multicast or unassigned
_NOT_PUBLIC_V6 = [
    IPv6Network(text)
    for text in (
        "2001::/23",  # protocol assignments; Teredo, which holds an IPv4 address
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4, which holds an IPv4 address
        "3fff::/20",  # documentation
    )
]
_MAPPED = IPv6Network("::ffff:0:0/96")  # an IPv4 address in IPv6's notation: the kernel connects to that
_NAT64 = IPv6Network("64:ff9b::/96")  # how a network without IPv4 reaches an IPv4 address (RFC 6052)


@dataclass(frozen=True, slots=True)
class Guard:
    """Decides by address alone; whoever asks resolves names."""

    allowed: Sequence[Network] = ()
    """Networks that may be reached although they are not public, and over plain http."""

    def allows(self, address: Address) -> bool:
        """Whether the operator named it."""
        meant = _meant(address)
        return any(meant in network or address in network for network in self.allowed)

    def may_reach(self, address: Address) -> bool:
        """Whether a webhook may go there."""
        return self.allows(address) or _is_public(_meant(address))


def parse_networks(text: str) -> tuple[Network, ...]:
    """Networks divided by commas. InvalidArgument names the one that is none."""
    networks = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        try:
            networks.append(ip_network(part))
        except ValueError as error:
            message = (
                f"Setting DOCMILL_WEBHOOK_ALLOW: {part} is no network such as 10.1.0.0/16 or fd00:1::/64 ({error})"
            )
            raise InvalidArgument(Reason.FIELD_INVALID, message, {"field": "webhook_allow"}) from None
    return tuple(networks)


def _meant(address: Address) -> Address:
    """The IPv4 address inside an IPv6 one, where packets go to that."""
    if isinstance(address, IPv6Address) and (address in _MAPPED or address in _NAT64):
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address


def _is_public(address: Address) -> bool:
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _NOT_PUBLIC_V4)
    return address in _PUBLIC_V6 and not any(address in network for network in _NOT_PUBLIC_V6)
