"""The edge of the gateway: who guesses keys, proxies in front, pages of other origins, its own addresses."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from docmill.domain.errors import Reason, Unauthenticated
from docmill.gateway.factory import GatewayOptions
from docmill.gateway.server import AddressTaken, bind, serve
from docmill.gateway.upstream import UpstreamOptions
from docmill.v1 import flows_pb2
from tests.fixtures.gateway import Script, gateway, scripted

REFUSED = Unauthenticated(Reason.CREDENTIAL_INVALID, "unknown", {"reason": "unknown"})


@pytest.fixture
def script() -> Script:
    """Services that refuse every key."""
    return Script({"ListFlows": REFUSED, "CheckKey": REFUSED})


@pytest_asyncio.fixture
async def target(script: Script) -> AsyncIterator[str]:
    """Where they are."""
    async with scripted(script) as target:
        yield target


async def test_guessing_keys_is_slowed_down(script: Script, target: str) -> None:
    """After twenty refused keys in a minute an address is not asked for more: 429, before the services hear of it."""
    async with gateway(target, "guess") as rest:
        for _ in range(10):
            assert (await rest.get("/flows")).status_code == 401
            assert (await rest.get("/nothing")).status_code == 401
        asked = len(script.seen)
        for path in ("/flows", "/nothing"):
            answer = await rest.get(path)
            error = answer.json()["error"]
            assert (answer.status_code, error["code"], error["details"]["reason"]) == (
                429,
                "RATE_LIMITED",
                "failed_logins",
            )
            assert 1 <= int(answer.headers["retry-after"]) <= 61
            assert answer.headers["x-ratelimit-remaining"] == "0"
            assert {"x-ratelimit-limit", "x-ratelimit-reset"} <= set(answer.headers)
        assert len(script.seen) == asked
        assert (await rest.http.get(f"http://{rest.address}/livez")).status_code == 200


async def test_an_address_is_its_own(script: Script, target: str) -> None:
    """Who comes through a trusted proxy is counted by the address it names; nobody else's word is believed."""
    async with gateway(target, "guess", trusted_proxies=["127.0.0.0/8"]) as rest:
        for _ in range(20):
            await rest.get("/flows", headers={"x-forwarded-for": "203.0.113.7"})
        assert script.heard[-1]["x-forwarded-for"] == "203.0.113.7"
        blocked = await rest.get("/flows", headers={"x-forwarded-for": "198.51.100.1, 203.0.113.7"})
        assert blocked.status_code == 429  # the first address is the client's own word
        other = await rest.get("/flows", headers={"x-forwarded-for": "203.0.113.8"})
        assert other.status_code == 401
    async with gateway(target, "guess") as rest:
        for number in range(20):
            await rest.get("/flows", headers={"x-forwarded-for": f"203.0.113.{number}"})
        assert script.heard[-1]["x-forwarded-for"] == "127.0.0.1"
        assert (await rest.get("/flows", headers={"x-forwarded-for": "203.0.113.99"})).status_code == 429


async def test_missing_keys_are_not_counted(script: Script, target: str) -> None:
    """A request without a key guesses nothing."""
    script.answers["ListFlows"] = flows_pb2.ListFlowsResponse()
    async with gateway(target, "") as rest:
        for _ in range(25):
            assert (await rest.get("/flows")).status_code == 401
        assert (await rest.get("/flows", headers={"authorization": "Bearer good"})).status_code == 200


async def test_other_origins(script: Script, target: str) -> None:
    """Pages of other origins may not call, unless the operator names theirs."""
    script.answers["ListFlows"] = flows_pb2.ListFlowsResponse()
    ask = {"origin": "https://app.example", "access-control-request-method": "POST"}
    async with gateway(target, "key") as rest:
        answer = await rest.get("/flows", headers={"origin": "https://app.example"})
        assert "access-control-allow-origin" not in answer.headers
        assert "access-control-allow-origin" not in (await _options(rest, "/flows", ask)).headers
    async with gateway(target, "key", cors_origins=["https://app.example"]) as rest:
        answer = await rest.get("/flows", headers={"origin": "https://app.example"})
        assert answer.headers["access-control-allow-origin"] == "https://app.example"
        assert "Retry-After" in answer.headers["access-control-expose-headers"]
        allowed = await _options(rest, "/flows", {**ask, "access-control-request-headers": "authorization"})
        assert (allowed.status_code, allowed.headers["access-control-allow-origin"]) == (200, "https://app.example")
        strange = await _options(rest, "/flows", {**ask, "origin": "https://evil.example"})
        assert "access-control-allow-origin" not in strange.headers


async def test_options_and_head(script: Script, target: str) -> None:
    """OPTIONS says what may be done without a key; HEAD is GET without a body."""
    script.answers["ListFlows"] = flows_pb2.ListFlowsResponse(total=3)
    async with gateway(target, "key") as rest:
        answer = await _options(rest, "/flows", {})
        assert (answer.status_code, answer.headers["allow"]) == (204, "GET, POST, HEAD, OPTIONS")
        assert script.seen == []
        head, get = await rest.http.head(f"{rest.url}/flows"), await rest.get("/flows")
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-length"] == get.headers["content-length"]


async def test_doubled_slashes(script: Script, target: str) -> None:
    """A base address that ends with a slash is no other address."""
    script.answers["ListFlows"] = flows_pb2.ListFlowsResponse(total=3)
    async with gateway(target, "key") as rest:
        answer = await rest.http.get(f"http://{rest.address}//api/v1//flows")
        assert (answer.status_code, answer.json()["total"]) == (200, 3)


async def test_an_address_that_is_taken() -> None:
    """Who cannot listen says where, instead of serving nothing."""
    written = {"nowhere": "write host:port", "127.0.0.1:99999": "write host:port"}
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        for listen in (address, "nowhere", "127.0.0.1:99999", "192.0.2.1:80"):
            with pytest.raises(AddressTaken, match=f"{listen}.*{written.get(listen, 'Choose another')}"):
                await serve(
                    GatewayOptions(),
                    UpstreamOptions(target="127.0.0.1:1"),
                    asyncio.Event(),
                    listen=listen,
                    grace_s=1,
                    ready=lambda _: None,
                )


async def test_small_answers_are_not_held_back() -> None:
    """Each accepted connection sends at once what it has, instead of waiting for the other side's word (40 ms)."""
    accepted: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def note(_reader: object, writer: asyncio.StreamWriter) -> None:
        own = writer.get_extra_info("socket")
        accepted.set_result(own.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    listener = bind("127.0.0.1:0")
    async with await asyncio.start_server(note, sock=listener.socket):
        host, _, port = listener.address.partition(":")
        _, writer = await asyncio.open_connection(host, int(port))
        assert await accepted == 1
        writer.close()


async def _options(rest: Any, path: str, headers: dict[str, str]) -> Any:
    return await rest.http.request("OPTIONS", f"{rest.url}{path}", headers=headers)
