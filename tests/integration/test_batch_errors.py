"""Every error of the batch surface, produced through real HTTP: its status, its code, its headers, and what comes first."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from docmill.cli.accounts import SHORT_SCOPES
from docmill.domain import errors
from docmill.domain.errors import Fault, Reason
from docmill.domain.models import JobKind, Scope
from docmill.gateway.dialects.documentflow.errors import ERRORS
from docmill.gateway.problems import OWN_REASONS
from docmill.v1 import accounts_pb2
from tests.fixtures.batch_house import PDF, PNG, BatchHouse, files, open_batch_house
from tests.fixtures.gateway import Script, gateway, scripted

MB = 1024 * 1024
DOCUMENTED = {
    *("bad_request", "invalid_api_key", "forbidden", "invalid_file", "validation_error", "quota_exceeded"),
    *("rate_limit_exceeded", "extraction_failed"),
}


def told(answer: httpx2.Response, status: int, code: str) -> dict[str, Any]:
    """The error in an answer that must have this status and code; always in the surface's envelope."""
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert body.keys() == {"detail"}
    detail: dict[str, Any] = body["detail"]
    assert detail.keys() == {"error", "message", "retry_after"}
    assert detail["error"] == code, detail
    assert detail["message"]
    assert answer.headers.get("retry-after") == (None if detail["retry_after"] is None else str(detail["retry_after"]))
    return detail


def test_every_reason_has_its_error() -> None:
    """Whatever is refused has a status and a code here, and every documented code is reached by some reason."""
    assert set(ERRORS) == {*Reason, *OWN_REASONS}
    assert {code for _, code in ERRORS.values()} >= DOCUMENTED


@pytest.mark.parametrize(
    "header",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Basic YWY6"},
        {"Authorization": "Bearer af_short"},
        {"Authorization": "Bearer af_" + "x" * 40},
        {"Authorization": "Bearer AF_" + "x" * 40},
        {"Authorization": "Bearer dc_live_abcdefgh_" + "x" * 40},
    ],
)
async def test_no_usable_key(batches: BatchHouse, header: dict[str, str]) -> None:
    """Missing, of another form or surface, or unknown: one answer, before anything else is looked at."""
    for verb, path in (("POST", "/v1/extract"), ("GET", "/v1/usage"), ("GET", "/v1/nothing")):
        answer = await batches.http.request(verb, f"{batches.url}{path}", headers=header)
        assert "keys of this surface are af_..." in told(answer, 401, "invalid_api_key")["message"]
        assert answer.headers["www-authenticate"] == "Bearer"


async def test_keys_that_are_no_longer_active(batches: BatchHouse) -> None:
    """A revoked and an expired key get the answer of one that never was; a batch of theirs stays readable by others."""
    made = await batches.submit("a.pdf")
    await batches.complete(made["batch_id"])
    operator = batches.api.operator
    expired = await batches.new_key(batches.org_id, expires_at=batches.api.bench.engine.ctx.now() - timedelta(days=1))
    unknown = await batches.get("/v1/usage", key="af_" + "y" * 40)
    (first,) = [key for key in await operator.list_keys(batches.org_id) if key.last4 == batches.key[-4:]]
    spare = await batches.new_key(batches.org_id)
    await operator.revoke_key(first.id)
    for key in (batches.key, expired):
        answer = await batches.get(f"/v1/batch/{made['batch_id']}", key=key)
        assert told(answer, 401, "invalid_api_key") == told(unknown, 401, "invalid_api_key")
    assert (await batches.get(f"/v1/batch/{made['batch_id']}", key=spare)).json()["status"] == "complete"


async def test_keys_of_this_surface_on_the_other(batches: BatchHouse) -> None:
    """The URL decides whose error it is."""
    answer = await batches.get("/api/v1/flows")
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "UNAUTHORIZED")
    assert answer.json()["error"]["details"]["reason"] == "malformed"
    assert "which are dc_live_... or dc_test_..." in answer.json()["error"]["message"]
    told(await batches.get("/elsewhere"), 404, "not_found")


async def test_a_plan_without_batches(batches: BatchHouse) -> None:
    """It is told before the body is looked at, and one that was taken before stays readable."""
    made = await batches.submit("a.pdf")
    await batches.api.operator.set_plan(batches.org_id, "documentflow.free")
    told(await batches.post("/v1/batch", content=b"no form", headers={"content-type": "text/plain"}), 403, "forbidden")
    assert (await batches.complete(made["batch_id"]))["total"] == 1


MALFORMED = [
    (b"--x\r\nContent-Disposition: form-data; na", "multipart/form-data; boundary=x"),
    (b"no boundary at all", "multipart/form-data; boundary=x"),
    (b"--x\r\n\r\nno name\r\n--x--\r\n", "multipart/form-data; boundary=x"),
    (b"--x\r\n", "multipart/form-data"),
    (b"--x--\r\n" + b"", "multipart/form-data; boundary=" + "y" * 80),
]


async def test_a_malformed_form(batches: BatchHouse) -> None:
    """It is told what is wrong with it."""
    for content, content_type in MALFORMED:
        for path in ("/v1/extract", "/v1/batch"):
            answer = await batches.post(path, content=content, headers={"content-type": content_type})
            told(answer, 400, "bad_request")


async def test_a_body_that_is_no_form(batches: BatchHouse) -> None:
    """JSON is a good body for others."""
    told(await batches.post("/v1/extract", json={"file": "..."}), 415, "unsupported_media_type")


WRONG_FIELDS: list[tuple[str, dict[str, Any], str]] = [
    ("/v1/extract", {}, "file"),
    ("/v1/extract", {"files": {"lang": (None, "en")}}, "file"),
    ("/v1/extract", {"files": [("file", ("a.pdf", PDF)), ("file", ("b.pdf", PDF))]}, "file"),
    ("/v1/extract", {"files": {"files": ("a.pdf", PDF)}}, "file"),
    ("/v1/extract", {"files": {"file": ("a.pdf", PDF)}, "data": {"lang": "english"}}, "lang"),
    ("/v1/extract", {"files": {"file": ("a.pdf", PDF)}, "data": {"doc_type": "?"}}, "doc_type"),
    ("/v1/batch", {}, "files"),
    ("/v1/batch", {"files": {"file": ("a.pdf", PDF)}}, "files"),
    ("/v1/batch", {"files": files(*(f"{number}.pdf" for number in range(101)))}, "files"),
    ("/v1/batch", {"files": files("a.pdf"), "data": {"callback_id": ""}}, "callback_id"),
    ("/v1/batch", {"files": files("a.pdf"), "data": {"callback_id": "x" * 256}}, "callback_id"),
    ("/v1/batch", {"files": files("a.pdf"), "data": {"webhook_url": "ftp://example.com"}}, "webhook_url"),
    ("/v1/batch", {"files": files("a.pdf"), "data": {"webhook_url": "https://u:p@example.com"}}, "webhook_url"),
    ("/v1/batch", {"files": files("a.pdf"), "data": {"webhook_url": "http://93.184.215.14/x"}}, "webhook_url: "),
    ("/v1/batch", {"files": files("a.pdf"), "data": {"webhook_url": "https://10.0.0.1/x"}}, "webhook_url: "),
    ("/v1/batch", {"files": files("a.txt", content=b"text"), "data": {"callback_id": ""}}, "callback_id"),
]


async def test_fields_that_cannot_be_right(batches: BatchHouse) -> None:
    """The message names the field; fields come before files."""
    for path, given, named in WRONG_FIELDS:
        detail = told(await batches.post(path, **given), 422, "validation_error")
        assert named in detail["message"]
        assert "webhookUrl" not in detail["message"]


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("a.txt", b"plain text", "none of the types"),
        ("a.pdf", b"not what its name says", "none of the types"),
        ("a.gif", b"GIF89a and so on", "none of the types"),
        ("a.avif", b"\x00\x00\x00\x1cftypavif\x00\x00\x00\x00avifmif1miaf", "none of the types"),
        ("a.pdf", b"", "empty"),
        ("a.pdf", PDF + b"x" * (10 * MB), "larger than 10 MB"),
    ],
)
async def test_files_that_cannot_be_taken(batches: BatchHouse, name: str, content: bytes, why: str) -> None:
    """By their bytes, whatever they are called; in a batch the message says which, and none of them is taken."""
    detail = told(await batches.post("/v1/extract", files={"file": (name, content)}), 422, "invalid_file")
    assert why in detail["message"]
    answer = await batches.post("/v1/batch", files=[*files("good.pdf"), *files(name, content=content)])
    detail = told(answer, 422, "invalid_file")
    assert detail["message"].startswith(f"File 2 ({name}): ")
    assert "without this one" in detail["message"]
    assert (await batches.get("/v1/usage")).json()["calls_used"] == 0
    assert (await batches.get("/v1/batch")).json()["total"] == 0


async def test_a_file_of_just_the_largest_size(batches: BatchHouse) -> None:
    """10 x 1,048,576 bytes are taken."""
    content = PDF.ljust(10 * MB, b"x")
    assert (await batches.post("/v1/extract", files={"file": ("a.pdf", content)})).status_code == 200


@pytest.mark.parametrize("reason", [Reason.MEDIA_ENCRYPTED, Reason.MEDIA_CORRUPT, Reason.MEDIA_TOO_MANY_PAGES])
async def test_a_file_that_turns_out_to_be_unusable(batches: BatchHouse, reason: Reason) -> None:
    """What a worker finds out is told as what the gateway sees at once."""
    batches.faults["a.pdf"] = Fault(reason=reason, message="It cannot be opened")
    answer = await batches.post("/v1/extract", files={"file": ("a.pdf", PDF)})
    assert told(answer, 422, "invalid_file")["message"] == "It cannot be opened"


async def test_the_types_that_are_named_are_those_of_this_surface(batches: BatchHouse) -> None:
    """The services read more of them, and say so where a worker finds a file of none."""
    message = "a.bmp looks like plain text; supported are PDF, PNG, GIF, XML invoices (CII, UBL)"
    batches.faults["a.bmp"] = Fault(reason=Reason.MEDIA_UNSUPPORTED, message=message)
    told_of = told(await batches.post("/v1/extract", files={"file": ("a.bmp", b"BM, you see")}), 422, "invalid_file")
    made = await batches.submit("a.bmp")
    await batches.complete(made["batch_id"])
    (result,) = await batches.results(made["batch_id"])
    (event,) = [facts for _, facts in await batches.events(made["batch_id"]) if "file" in facts]
    said = {told_of["message"], result["error"]["message"], event["file"]["error"]["message"]}
    assert len(said) == 1
    assert said.pop().endswith("(PDF, PNG, JPG, JPEG, WEBP, TIFF, BMP, HEIC and HEIF)")


@pytest.mark.parametrize("reason", [Reason.EXTRACTION_FAILED, Reason.PROVIDER_FAILED])
async def test_a_document_that_cannot_be_read(batches: BatchHouse, reason: Reason) -> None:
    """It opens, and nothing comes of it: no document of the month is used up."""
    batches.faults["a.png"] = Fault(reason=reason, message="No readable text was found")
    answer = await batches.post("/v1/extract", files={"file": ("a.png", PNG)})
    told(answer, 500, "extraction_failed")
    assert (await batches.get("/v1/usage")).json()["calls_used"] == 0


async def test_the_month_is_used_up(batches: BatchHouse) -> None:
    """Waiting does not help against it, and it is told apart from too many requests."""
    _, key = await batches.account("documentflow.free")
    await batches.use_up(100, key)
    detail = told(await batches.post("/v1/extract", key=key, files={"file": ("a.pdf", PDF)}), 429, "quota_exceeded")
    assert detail["retry_after"] is None
    assert (await batches.get("/v1/usage", key=key)).json()["percent_used"] == 100


async def test_too_many_requests(batches: BatchHouse) -> None:
    """The header and the body say when to come back."""
    _, key = await batches.account("documentflow.free")
    answers = [await batches.get("/v1/usage", key=key) for _ in range(11)]
    assert [answer.status_code for answer in answers] == [200] * 10 + [429]
    detail = told(answers[-1], 429, "rate_limit_exceeded")
    assert 1 <= detail["retry_after"] <= 60
    assert (await batches.post("/v1/batch", key=key, files=files("a.pdf"))).status_code == 429


async def test_batches_that_are_not_there(batches: BatchHouse) -> None:
    """Unknown, malformed and somebody else's: the same answer."""
    foreign = (await batches.submit("a.pdf"))["batch_id"]
    _, key = await batches.account("documentflow.starter")
    for batch_id in ("nope", "3f0c9a52-6d1e-4b7a-8c44-91e2b7a0d5f6", "%00", "x" * 300, foreign):
        for verb, tail in (("GET", ""), ("GET", "/events"), ("GET", "/results"), ("POST", "/cancel")):
            send = batches.get if verb == "GET" else batches.post
            answer = await send(f"/v1/batch/{batch_id}{tail}", key=key)
            assert told(answer, 404, "not_found")["message"] == "There is no such batch"


@pytest.mark.parametrize(("verb", "path", "allow"), [("GET", "/v1/extract", "POST"), ("DELETE", "/v1/usage", "GET")])
async def test_other_methods(batches: BatchHouse, verb: str, path: str, allow: str) -> None:
    """The answer says which one is served."""
    answer = await batches.http.request(
        verb, f"{batches.url}{path}", headers={"Authorization": f"Bearer {batches.key}"}
    )
    told(answer, 405, "method_not_allowed")
    assert answer.headers["allow"].startswith(allow)


async def test_links_that_are_no_longer_good(batches: BatchHouse) -> None:
    """A changed link, somebody else's words, or one older than a day: 403; one whose results are gone: 404."""
    made = await batches.submit("a.pdf")
    link = (await batches.complete(made["batch_id"]))["download_url"]
    token = link.rpartition("/")[2]
    changed = token[:40] + ("A" if token[40] != "A" else "B") + token[41:]
    for bad in (changed, token[:-4], "x", token + "A"):
        told(await batches.http.get(f"{batches.url}/v1/results/{bad}"), 403, "forbidden")
    secret = batches.api.operator.vault.seal("not a ticket")
    told(await batches.http.get(f"{batches.url}/v1/results/{secret}"), 403, "forbidden")
    engine = batches.api.bench.engine
    now = engine.ctx.now
    object.__setattr__(engine.ctx, "now", lambda: now() + timedelta(hours=23, minutes=59))
    assert (await batches.http.get(link)).status_code == 200
    object.__setattr__(engine.ctx, "now", lambda: now() + timedelta(hours=24, minutes=1))
    told(await batches.http.get(link), 403, "forbidden")
    fresh = (await batches.get(f"/v1/batch/{made['batch_id']}")).json()["download_url"]
    assert (await batches.http.get(fresh)).status_code == 200
    for key in [key for key in engine.ctx.blobs._blobs if key.endswith("results.json")]:
        await engine.ctx.blobs.delete(key)
    told(await batches.http.get(fresh), 404, "not_found")


async def test_a_link_works_without_a_key_only_for_what_it_is_for(batches: BatchHouse) -> None:
    """Other methods at its address are refused without one, too, and tell nothing."""
    answer = await batches.http.post(f"{batches.url}/v1/results/x")
    told(answer, 401, "invalid_api_key")


async def test_nobody_waits_longer_than_the_client_does(sqlite_url: str) -> None:
    """A run that is not done in time is given up, and its document is not counted."""
    async with open_batch_house(sqlite_url, extract_s=1) as house:
        house.silent.add(JobKind.PAGE)
        told(await house.post("/v1/extract", files={"file": ("a.pdf", PDF)}), 500, "extraction_failed")
        assert (await house.get("/v1/usage")).json()["calls_used"] == 0


async def test_services_that_are_away() -> None:
    """503 with when to come back; and a fault of ours tells nothing of itself."""
    script = Script({"CheckKey": accounts_pb2.CheckKeyResponse(organization_id="org_1")})
    key = "af_" + "a" * 40
    async with scripted(script) as target, gateway(target, key) as rest:
        base = f"http://{rest.address}"
        script.answers["GetUsage"] = errors.Unavailable(Reason.OVERLOADED, "busy")
        answer = await rest.http.get(f"{base}/v1/usage")
        assert told(answer, 503, "service_unavailable")["retry_after"] == 1
        script.answers["GetUsage"] = errors.InternalError()
        told(await rest.http.get(f"{base}/v1/usage"), 500, "internal_error")


async def test_a_body_that_is_too_large(batches: BatchHouse) -> None:
    """What says so by itself is refused before it comes."""
    host, _, port = batches.url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = [
        "POST /v1/batch HTTP/1.1",
        "Host: x",
        f"Authorization: Bearer {batches.key}",
        "Content-Type: multipart/form-data; boundary=x",
        f"Content-Length: {4096 * MB}",
    ]
    writer.write("\r\n".join([*head, "", ""]).encode())
    answer = (await reader.readuntil(b"}}")).decode()
    writer.close()
    assert answer.startswith("HTTP/1.1 413 ")
    assert '"error":"payload_too_large"' in answer


async def test_a_client_that_leaves_in_the_middle(batches: BatchHouse) -> None:
    """What it had sent is deleted."""
    sent = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        head = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.pdf"\r\n\r\n'
        yield head + PDF + b"\r\n" + head + PDF
        sent.set()
        await asyncio.Event().wait()

    headers = {"content-type": "multipart/form-data; boundary=x"}
    leaving = asyncio.create_task(batches.post("/v1/batch", content=body(), headers=headers))
    await sent.wait()
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    blobs: Any = batches.api.bench.engine.ctx.blobs
    async with asyncio.timeout(10):
        while any(key.startswith("documents/") for key in blobs._blobs):  # noqa: ASYNC110 - no event is set there
            await asyncio.sleep(0.02)


def test_scopes_of_such_keys_are_enough() -> None:
    """What `docmill keys create --mode af` gives by itself."""
    wanted = {Scope.FLOWS_EXECUTE, Scope.EXECUTIONS_READ, Scope.BATCH_EXECUTE, Scope.BATCH_READ, Scope.BATCH_CANCEL}
    assert {Scope(name) for name in SHORT_SCOPES.split(",")} == wanted
