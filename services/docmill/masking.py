"""URLs of settings as people may see them: where something is, never the credentials for it."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlsplit

__all__ = ["masked"]

_MASK = "***"
_WITHOUT_CREDENTIALS = ("sqlite:///", "file:///", "memory://")
_SCHEMES = frozenset({"sqlite", "file", "memory", "postgresql", "postgres", "s3", "nats", "tls", "http", "https"})
_SECRET_OPTIONS = frozenset({"password", "sslpassword"})
_SHOWN_OPTIONS = frozenset(
    {"host", "hostaddr", "port", "user", "dbname", "database", "sslmode", "sslrootcert", "endpoint", "region"}
)
_SHOWN_VALUE = re.compile(r"[\w./:,+-]*")
_HOST = r"(?:[\w.%-]*|\[[\w:.]*\])(?::\d+)?"
_HOSTS = re.compile(f"{_HOST}(?:,{_HOST})*")
_PATH = re.compile(r"[\w./%~+-]*")
_NEXT_SERVER = re.compile(r",\s*(?=(?:nats|tls)://)")


def masked(url: str) -> str:
    """`url`, or several divided by commas as a NATS cluster has, with `***` for logins, passwords and unknown options.

    Of what is no orderly URL nothing is shown but the scheme: a `/`, `?` or `#` in a password that should have been
    percent-encoded (RFC 3986, section 2.1) divides it in places where nobody looks for a password.
    """
    if url.startswith(_WITHOUT_CREDENTIALS):
        return url
    servers = _NEXT_SERVER.split(url) if url.startswith(("nats://", "tls://")) else [url]
    return ",".join(_masked(server) for server in servers) if url else ""


def _masked(url: str) -> str:
    scheme, colon, _ = url.partition("://")
    if not colon or scheme not in _SCHEMES:  # whatever else stands before `://` may be half of a password
        return _MASK
    try:
        parts = urlsplit(url)
        options = parse_qsl(parts.query, keep_blank_values=True)
    except ValueError:
        return f"{scheme}://{_MASK}"
    _, at, hosts = parts.netloc.rpartition("@")
    plain = _HOSTS.fullmatch(hosts) and _PATH.fullmatch(parts.path)
    if not plain or "@" in parts.query or parts.fragment:
        return f"{scheme}://{_MASK}"
    query = "&".join(_option(name, value) for name, value in options)
    login = f"{_MASK}@" if at else ""  # all of it: a token may look like `user:password`
    return f"{scheme}://{login}{hosts}{parts.path}{'?' if query else ''}{query}"


def _option(name: str, value: str) -> str:
    if name in _SHOWN_OPTIONS and _SHOWN_VALUE.fullmatch(value):
        return f"{name}={value}"
    return f"{name}={_MASK}" if name in _SECRET_OPTIONS else _MASK
