"""Posting to an address that a stranger chose: real sockets and TLS, and a resolver that answers as the test tells it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from docmill.webhooks.guard import Address, Guard, parse_networks
from docmill.webhooks.http import HttpSender
from tests.fixtures.receiver import Received, answering, receiving

REFUSED = "the host has no address, or one that webhooks may not reach"
HTTPS = "the URL must begin with https://"


@dataclass
class Names:
    """A resolver: the answers for every name, one after the other, the last one for ever."""

    answers: list[list[str]]
    asked: list[str] = field(default_factory=list)

    async def __call__(self, host: str, port: int) -> Sequence[Address]:
        self.asked.append(host)
        found = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [ip_address(text) for text in found]


@asynccontextmanager
async def sending(allow: str = "127.0.0.0/8", *names: list[str], **given: Any) -> AsyncIterator[HttpSender]:
    """A sender that may reach `allow`; with `names`, those are its resolver's answers."""
    resolve = Names(list(names)) if names else None
    sender = HttpSender(Guard(parse_networks(allow)), **{"resolve": resolve, **given})
    yield sender
    await sender.aclose()


async def test_the_body_arrives_as_it_is() -> None:
    """Bytes, headers, path and query come as given; the answer's status and its time come back."""
    async with receiving() as receiver, sending() as sender:
        answer = await sender.post(receiver.url("/%C3%BC?x=1&y=#part"), {"X-Own": "yes"}, b'{"a": "\xc3\xbc"}')
    (request,) = receiver.received
    assert (request.target, request.headers["x-own"], request.body) == ("/%C3%BC?x=1&y=", "yes", b'{"a": "\xc3\xbc"}')
    assert (answer.status, answer.error) == (200, "")
    assert 0 <= answer.duration_ms < 5000


async def test_a_name_that_moves_cannot_lead_inside() -> None:
    """A name is resolved once an attempt, and that address is called: one that turns private later is refused."""
    names = Names([["127.0.0.2"], ["127.0.0.1"]])
    async with receiving(host="127.0.0.2") as public, receiving(port=public.port) as private:
        async with sending("127.0.0.2/32", resolve=names) as sender:
            url = public.url(host="hooks.example")
            first = await sender.post(url, {}, b"{}")
            assert names.asked == ["hooks.example"]
            second = await sender.post(url, {}, b"{}")
        assert (first.status, second.status, second.error) == (200, None, REFUSED)
        assert (public.connections, private.connections) == (1, 0)
        assert public.received[0].headers["host"] == f"hooks.example:{public.port}"


@pytest.mark.parametrize("found", [["127.0.0.2", "127.0.0.1"], ["127.0.0.1", "127.0.0.2"], ["127.0.0.2", "::1"], []])
async def test_one_forbidden_address_is_enough(found: list[str]) -> None:
    """Of a host with several addresses all must be allowed, for any may be the one that is called."""
    async with receiving(host="127.0.0.2") as receiver, sending("127.0.0.2/32", found) as sender:
        answer = await sender.post(receiver.url(host="hooks.example"), {}, b"{}")
        assert (answer.status, answer.error) == (None, REFUSED)
        assert receiver.connections == 0


async def test_another_address_stands_in() -> None:
    """An address that takes no connection is passed over for the next one."""
    async with receiving(host="127.0.0.2") as receiver, sending("127.0.0.0/8", ["127.0.0.9", "127.0.0.2"]) as sender:
        assert (await sender.post(receiver.url(host="hooks.example"), {}, b"{}")).status == 200


@pytest.mark.parametrize(
    ("scheme", "found", "allow", "error"),
    [
        ("https", ["10.0.0.1"], "127.0.0.0/8", REFUSED),
        ("https", ["169.254.169.254"], "", REFUSED),
        ("https", ["::ffff:192.168.1.1"], "", REFUSED),
        ("http", ["93.184.215.14"], "127.0.0.0/8", HTTPS),
        ("http", ["93.184.215.14"], "", HTTPS),
        ("http", ["127.0.0.1", "93.184.215.14"], "127.0.0.0/8", HTTPS),
    ],
)
async def test_what_a_name_may_mean(scheme: str, found: list[str], allow: str, error: str) -> None:
    """Private addresses are refused whatever the name, and plain http is for allowed addresses only."""
    async with sending(allow, found) as sender:
        answer = await sender.post(f"{scheme}://hooks.example:8443/", {}, b"{}")
    assert (answer.status, answer.error) == (None, error)


async def test_the_machines_own_resolver_is_asked() -> None:
    """Without another resolver names mean what they mean on this machine; one that means nothing is told plainly."""
    async with receiving() as receiver, sending("127.0.0.0/8, ::1/128") as sender:
        assert (await sender.post(receiver.url(host="localhost"), {}, b"{}")).status == 200
        for name in ("nothing.invalid", f"{'a' * 63}.{'b' * 64}.example"):
            assert (await sender.post(f"https://{name}/", {}, b"{}")).error == REFUSED


async def test_a_name_server_that_never_answers_costs_seconds() -> None:
    """Resolving has the time of a connection."""

    async def never(_host: str, _port: int) -> Sequence[Address]:
        await asyncio.Event().wait()
        return []

    async with sending(resolve=never, connect=0.1) as sender:
        assert (await sender.post("https://hooks.example/", {}, b"{}")).error == REFUSED


async def test_redirects_are_answers() -> None:
    """A redirect is not followed, wherever it leads."""
    async with receiving() as inside, receiving(answering(302)) as receiver, sending() as sender:
        answer = await sender.post(receiver.url(), {}, b"{}")
        assert (answer.status, receiver.connections, inside.connections) == (302, 1, 0)


async def test_a_receiver_that_says_nothing_is_left() -> None:
    """No answer within the time is an attempt that failed, and its connection is closed."""

    async def silence(request: Received, _writer: asyncio.StreamWriter) -> bytes:
        return await request.reader.read()

    async with receiving(silence) as receiver, sending(timeout=0.3) as sender:
        answer = await sender.post(receiver.url(), {}, b"{}")
        assert (answer.status, answer.error) == (None, "no answer within 0.3 seconds")
        async with asyncio.timeout(5):
            while receiver.open_now:  # noqa: ASYNC110 - the receiver notices by itself
                await asyncio.sleep(0.01)


@pytest.mark.parametrize("drip", [0.0, 0.2])
async def test_a_flood_is_cut(drip: float) -> None:
    """Of an endless answer the status counts; little of its body is read, quickly or slowly, and the line is cut."""
    sent = 0

    async def flood(_request: Received, writer: asyncio.StreamWriter) -> bytes:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n")
        while True:
            writer.write(b"x" * 4096)
            await writer.drain()
            sent += 4096
            await asyncio.sleep(drip)

    async with receiving(flood) as receiver, sending(timeout=5) as sender:
        began = monotonic()
        answer = await sender.post(receiver.url(), {}, b"{}")
        assert answer.status == 200
        assert monotonic() - began < 4
        async with asyncio.timeout(5):
            while receiver.open_now:  # noqa: ASYNC110 - the receiver notices by itself
                await asyncio.sleep(0.01)
    assert sent < 16 * 1024 * 1024  # what the kernel's buffers took; the receiver would have gone on for ever


@pytest.mark.parametrize(
    "wrong",
    [
        b"",
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 999999 So\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 300_000,
        b"\0" * 99,
    ],
)
async def test_what_is_no_http_is_told_so(wrong: bytes) -> None:
    """A receiver that hangs up, or speaks something else, is an attempt that failed."""

    async def answer(_request: Received, _writer: asyncio.StreamWriter) -> bytes:
        return wrong

    async with receiving(answer) as receiver, sending() as sender:
        got = await sender.post(receiver.url(), {}, b"{}")
    assert (got.status, got.error) == (None, "the connection broke before there was an answer in HTTP")


async def test_nobody_there(unused_tcp_port: int) -> None:
    """A port where nobody listens is told so."""
    async with sending() as sender:
        answer = await sender.post(f"http://127.0.0.1:{unused_tcp_port}/", {}, b"{}")
    assert (answer.status, answer.error) == (None, "the host takes no connection")


async def test_every_attempt_has_a_connection_of_its_own() -> None:
    """Nothing stays open between attempts."""
    async with receiving() as receiver, sending() as sender:
        for _ in range(3):
            await sender.post(receiver.url(), {}, b"{}")
        assert receiver.connections == 3
        async with asyncio.timeout(5):
            while receiver.open_now:  # noqa: ASYNC110 - the receiver notices by itself
                await asyncio.sleep(0.01)


def certificate(folder: Path, name: str) -> ssl.SSLContext:
    """A server's side of TLS with a certificate for `name` that `folder/ca.pem` stands for."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "ca.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "ca.pem", folder / "key.pem")
    return context


async def test_tls_is_with_the_host_of_the_url(tmp_path: Path) -> None:
    """The connection goes to the checked address, but SNI, certificate and Host header are the name's."""
    server = certificate(tmp_path, "hooks.example")
    trusting = ssl.create_default_context(cafile=tmp_path / "ca.pem")
    names = ["127.0.0.1"]
    async with receiving(tls=server) as receiver, sending("127.0.0.0/8", names, ssl_context=trusting) as sender:
        assert (await sender.post(receiver.url(host="Hooks.Example", scheme="https"), {}, b"{}")).status == 200
        assert receiver.received[0].headers["host"] == f"hooks.example:{receiver.port}"
        wrong = await sender.post(receiver.url(host="other.example", scheme="https"), {}, b"{}")
        assert wrong.status is None
        assert wrong.error.startswith("the host's certificate is not accepted: Hostname mismatch")
        assert receiver.sni == ["hooks.example", "other.example"]
        assert len(receiver.received) == 1


async def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    """With the system's authorities, a certificate of one's own is told as such."""
    server = certificate(tmp_path, "hooks.example")
    async with receiving(tls=server) as receiver, sending("127.0.0.0/8", ["127.0.0.1"]) as sender:
        answer = await sender.post(receiver.url(host="hooks.example", scheme="https"), {}, b"{}")
        assert answer.error.startswith("the host's certificate is not accepted: self")
        assert receiver.received == []


async def test_a_port_without_tls_is_told_so() -> None:
    """TLS to a plain port fails, and that is said."""

    async def plain(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 no\r\n\r\n")
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(plain, "127.0.0.1", 0) as server, sending() as sender:
        port = server.sockets[0].getsockname()[1]
        got = await sender.post(f"https://127.0.0.1:{port}/", {}, b"{}")
    assert got.error == "the host does not speak TLS as it should"
