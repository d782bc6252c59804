"""The address guard against what the standard library knows of addresses."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from hypothesis import assume, example, given
from hypothesis import strategies as st

from docmill.webhooks.guard import Guard

OPEN = Guard()

v4 = st.ip_addresses(v=4).filter(lambda address: isinstance(address, IPv4Address))
v6 = st.ip_addresses(v=6)
FACTS = ("is_private", "is_loopback", "is_link_local", "is_multicast", "is_reserved", "is_unspecified")
NAT64 = IPv6Network("64:ff9b::/96")


@given(v4)
@example(IPv4Address("169.254.169.254"))
@example(IPv4Address("100.64.0.0"))
@example(IPv4Address("223.255.255.255"))
def test_an_ipv4_address_that_is_reached_is_public(address: IPv4Address) -> None:
    """Whatever the standard library calls private, local, multicast or reserved is not reached."""
    if OPEN.may_reach(address):
        assert address.is_global
        assert [name for name in FACTS if getattr(address, name)] == []


@given(v4)
def test_what_is_not_reached_has_a_reason(address: IPv4Address) -> None:
    """Nothing public is refused but what is listed: relays, protocol assignments and a cloud's metadata."""
    listed = map(IPv4Network, ("192.0.0.0/24", "192.88.99.0/24", "168.63.129.16/32"))
    if not OPEN.may_reach(address):
        assert not address.is_global or address.is_multicast or any(address in network for network in listed)


@given(v6)
@example(IPv6Address("::1"))
@example(IPv6Address("fec0::1"))
@example(IPv6Address("64:ff9b::808:808"))
@example(IPv6Address("::ffff:8.8.8.8"))
def test_an_ipv6_address_that_is_reached_is_public(address: IPv6Address) -> None:
    """As for IPv4; an address that stands for an IPv4 one is judged as that."""
    if not OPEN.may_reach(address):
        return
    inner = address.ipv4_mapped or (IPv4Address(int(address) & 0xFFFFFFFF) if address in NAT64 else None)
    if inner is not None:
        assert OPEN.may_reach(inner)
        return
    assert address.is_global
    assert [name for name in (*FACTS, "is_site_local") if getattr(address, name)] == []
    assert address.sixtofour is None
    assert address.teredo is None


@given(v4, st.integers(0, 2**80 - 1))
@example(IPv4Address("127.0.0.1"), 0)
@example(IPv4Address("10.0.0.1"), 1)
def test_no_ipv6_notation_hides_an_ipv4_address(address: IPv4Address, rest: int) -> None:
    """Mapped, compatible, NAT64, 6to4 and Teredo addresses lead nowhere that the IPv4 address does not."""
    inner = int(address)
    hidden = [
        IPv6Address(0xFFFF << 32 | inner),
        IPv6Address(inner),
        IPv6Address(int(IPv6Address("64:ff9b::")) | inner),
        IPv6Address(int(IPv6Address("64:ff9b:1::")) | (rest % 2**48) << 32 | inner),
        IPv6Address(0x2002 << 112 | inner << 80 | rest),
        IPv6Address(0x20010000 << 96 | rest % 2**64 << 32 | (inner ^ 0xFFFFFFFF)),
    ]
    reached = [each for each in hidden if OPEN.may_reach(each)]
    assert not reached or OPEN.may_reach(address)


@given(st.one_of(v4, v6), st.one_of(v4, v6))
def test_the_list_opens_exactly_what_it_says(
    named: IPv4Address | IPv6Address, other: IPv4Address | IPv6Address
) -> None:
    """An allowed address is reached, and no other decision changes; an IPv4 one also in IPv6's notation."""
    network = IPv4Network(named) if isinstance(named, IPv4Address) else IPv6Network(named)
    guard = Guard((network,))
    assert guard.allows(named)
    assert guard.may_reach(named)
    if isinstance(named, IPv4Address):
        assert guard.allows(IPv6Address(0xFFFF << 32 | int(named)))
    assume(other != named and getattr(other, "ipv4_mapped", None) != named and other not in NAT64)
    assert not guard.allows(other)
    assert guard.may_reach(other) == OPEN.may_reach(other)
