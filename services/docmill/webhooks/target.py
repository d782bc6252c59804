"""What a webhook's URL may look like, and where it leads."""

from __future__ import annotations

import re
from contextlib import suppress
from ipaddress import ip_address

import httpx2

from docmill.webhooks import Target, TargetRefused
from docmill.webhooks.guard import Address, Guard

__all__ = ["check", "default_port", "literal"]

_MAX_URL = 2048
_NAME = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*\.?")
_NUMBER = re.compile(r"(.*\.)?(\d+|0x[0-9a-f]*)\.?")
"""What C libraries take for an IPv4 address, e.g. `127.1` or `0x7f000001`."""
_LOCAL = ("localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback")
_METADATA = ("metadata", "metadata.google.internal", "metadata.goog", "instance-data", "instance-data.ec2.internal")
"""Names under which clouds tell a machine its credentials."""


def check(url: str, guard: Guard) -> Target:
    """`url` as it is called. Raises `TargetRefused` for what no attempt may reach, as far as that shows without DNS."""
    if len(url) > _MAX_URL:
        raise TargetRefused(f"the URL is longer than {_MAX_URL:,} characters")
    try:
        parsed = httpx2.URL(url)
    except httpx2.InvalidURL as error:
        raise TargetRefused(f"this is no URL ({error})") from None
    if parsed.scheme not in {"http", "https"}:
        raise TargetRefused("the URL must begin with https://")
    if parsed.userinfo:
        raise TargetRefused("the URL must not hold a user name or a password")
    host = parsed.raw_host.decode("ascii")
    port = default_port(parsed.scheme) if parsed.port is None else parsed.port
    if not (port in {80, 443} or 1024 <= port <= 65535):
        raise TargetRefused("the port must be 80, 443 or 1024 to 65535")
    _check_host(host, parsed.scheme, guard)
    host = host.removesuffix(".")  # no certificate is made out to the form with the dot
    return Target(url=str(parsed.copy_with(host=host, fragment=None)), host=host)


def default_port(scheme: str) -> int:
    """Where a URL without a port leads."""
    return 443 if scheme == "https" else 80


def literal(host: str) -> Address | None:
    """The address that `host` is; None for a name."""
    with suppress(ValueError):
        return ip_address(host)
    return None


def _check_host(host: str, scheme: str, guard: Guard) -> None:
    address = literal(host)
    if address is not None:
        if "%" in host or not guard.may_reach(address):
            raise TargetRefused("the URL leads to an address that webhooks may not reach")
        if scheme == "http" and not guard.allows(address):
            raise TargetRefused("the URL must begin with https://")
        return
    if not _NAME.fullmatch(host) or len(host) > 253:
        raise TargetRefused("the URL has no host name that can be called")
    if _NUMBER.fullmatch(host):
        raise TargetRefused("the URL's address must be written as four numbers or in brackets")
    name = host.removesuffix(".")
    if name in _METADATA or ((name in _LOCAL or name.endswith(".localhost")) and not _allows_loopback(guard)):
        raise TargetRefused("the URL leads to an address that webhooks may not reach")
    if scheme == "http" and not guard.allowed:  # what is plain must be allowed, and nothing is
        raise TargetRefused("the URL must begin with https://")


def _allows_loopback(guard: Guard) -> bool:
    return any(guard.allows(ip_address(text)) for text in ("127.0.0.1", "::1"))
