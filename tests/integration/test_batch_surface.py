"""The batch surface as its documents say, through real HTTP: one file, many files, their results, what is used up."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from docmill.domain.errors import Fault, Reason
from docmill.domain.models import JobKind, Scope
from docmill.domain.pages import Box
from docmill.extract import Evidence
from docmill.gateway.dialects.documentflow import document, webhook
from docmill.v1 import batches_pb2
from tests.fixtures.batch_house import INVOICE, PDF, PNG, BatchHouse, files, open_batch_house
from tests.fixtures.hooks import send_due
from tests.fixtures.receiver import answering, receiving
from tests.fixtures.rpc import until

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
BROKEN = Fault(reason=Reason.MEDIA_CORRUPT, message="The file is damaged")


async def test_one_file_is_extracted(batches: BatchHouse) -> None:
    """The data comes flat, in the same answer."""
    given = {"doc_type": "invoice", "lang": "en"}
    answer = await batches.post("/v1/extract", files={"file": ("Bill.PDF", PDF)}, data=given)
    assert answer.status_code == 200, answer.text
    data = answer.json()
    assert re.fullmatch(r"extr_[0-9a-f]{12}", data["job_id"])
    assert (data["status"], data["document_type"], data["document_category"]) == ("success", "invoice", "financial")
    assert (data["confidence"], data["tokens_used"]) == (0.93, 41)
    assert data["vendor"] == {"name": "Kaveri Tooling", "gstin": "27AAPFU0939F1ZV", "tax_id": "27AAPFU0939F1ZV"}
    assert data["document_meta"]["invoice_number"] == "KT/0417"
    assert data["financial"]["totals"] == {"subtotal": 10200, "cgst": 918, "sgst": 918, "grand_total": 12036}
    assert data["validation"] == {
        "math_valid": True,
        "errors": [],
        "warnings": ["low_confidence: 0.80 is below 0.85"],
    }
    assert "X-RateLimit-Limit" not in answer.headers
    (job,) = [job for job in batches.api.bench.peer.seen if job.kind is JobKind.DOCUMENT]
    assert job.variables == {"documentType": "invoice", "language": "en"}
    again = (await batches.post("/v1/extract", files={"file": ("Bill.PDF", PDF)})).json()
    assert again.pop("job_id") != data.pop("job_id")
    assert again == data


async def test_a_batch_from_its_files_to_its_results(batches: BatchHouse) -> None:
    """Broken files among good ones have their errors in place, everything else stands in the order of the request."""
    batches.faults["two.pdf"] = BROKEN
    batches.outputs["three.png"] = {"category": "letter", "confidence": 0.5, "words": 3}
    answer = await batches.post(
        "/v1/batch", files=[*files("one.PDF", "two.pdf"), *files("three", content=PNG)], data={"callback_id": "po-7"}
    )
    assert answer.status_code == 200, answer.text
    made = answer.json()
    assert made == {"batch_id": made["batch_id"], "total_files": 3, "status": "queued", "estimated_seconds": 9}
    assert UUID.fullmatch(made["batch_id"])
    shown = await batches.complete(made["batch_id"])
    link = shown.pop("download_url")
    assert shown == {"batch_id": made["batch_id"], "status": "complete", "processed": 3, "total": 3, "percent": 100}
    results = await batches.results(made["batch_id"])
    key = f"batch/{made['batch_id']}/input"
    assert [entry["file_key"] for entry in results] == [f"{key}/0000.pdf", f"{key}/0001.pdf", f"{key}/0002.png"]
    assert [entry["file_index"] for entry in results] == [0, 1, 2]
    first, second, third = results
    assert first["extraction"]["confidence_score"] == 0.93
    assert first["extraction"]["financial"]["totals"]["grand_total"] == 12036
    assert first.keys() == {"file_index", "file_key", "extraction", "validation", "tokens_used"}
    assert second["error"] == {"error": "invalid_file", "message": "The file is damaged"}
    assert second["extraction"] == {
        "document_type": "unknown",
        "document_category": "other",
        "confidence_score": 0.0,
    }
    assert second["validation"] == {"math_valid": False, "errors": ["invalid_file"], "warnings": []}
    assert third["extraction"]["document_type"] == "letter"
    assert "financial" not in third["extraction"]
    by_key = await batches.get(f"/v1/batch/{made['batch_id']}/results")
    assert by_key.json() == results
    download = await batches.http.get(link, headers={"Authorization": "Bearer whatever"})
    assert (download.json(), download.headers["content-type"]) == (results, "application/json")


async def test_both_forms_have_the_same_values(batches: BatchHouse) -> None:
    """One file through extract and batch: the same blocks, under the names of each."""
    flat = (await batches.post("/v1/extract", files={"file": ("a.pdf", PDF)})).json()
    (nested,) = await batches.results((await batches.submit("a.pdf"))["batch_id"])
    extraction = nested["extraction"]
    assert flat["confidence"] == extraction.pop("confidence_score")
    assert {name: flat[name] for name in extraction} == extraction
    assert (flat["validation"], flat["tokens_used"]) == (nested["validation"], nested["tokens_used"])


async def test_values_to_look_at_and_warnings_of_the_run(batches: BatchHouse) -> None:
    """Behind what the checks found, under the names of this surface and the least sure first, in both forms."""
    sure = {"/total": 0.99, "/issuer/name": 0.41, "/lineItems/0/unitPrice": 0.8, "/number": 0.5, "/orderNumber": 0.1}
    batches.evidence["a.pdf"] = [
        Evidence(path=path, page=1, box=Box(0, 0, 1, 1), words=("w",), confidence=confidence, grounded=True)
        for path, confidence in sure.items()
    ]
    batches.warnings["a.pdf"] = ["Page 2 could not be read"]
    told = [
        "low_confidence: 0.80 is below 0.85",
        "notice: Page 2 could not be read",
        "unsure_value: vendor.name",
        "unsure_value: document_meta.invoice_number",
        "unsure_value: financial.line_items[0].unit_price",
    ]
    one = (await batches.post("/v1/extract", files={"file": ("a.pdf", PDF)})).json()
    assert (one["validation"]["math_valid"], one["validation"]["warnings"]) == (True, told)
    (entry,) = await batches.results((await batches.submit("a.pdf"))["batch_id"])
    assert entry["validation"] == one["validation"]


async def test_events_of_a_batch(batches: BatchHouse) -> None:
    """A snapshot, then numbered events; a watcher that comes back misses nothing, and after the end is sent away."""
    batches.faults["b.pdf"] = BROKEN
    made = await batches.submit("a.pdf", "b.pdf")
    batch_id = made["batch_id"]
    await batches.complete(batch_id)
    events = await batches.events(batch_id)
    assert events[0][0] == "snapshot"
    kinds = [kind for kind, _ in events if kind != "snapshot"]
    assert sorted(kinds) == ["batch.accepted", "batch.completed", "batch.started", "file.failed", "file.succeeded"]
    (failed,) = [data for kind, data in events if kind == "file.failed"]
    assert failed["file"] == {
        "file_index": 1,
        "filename": "b.pdf",
        "status": "failed",
        "error": {"error": "invalid_file", "message": "The file is damaged"},
    }
    told = {kind: (data["processed"], data["percent"]) for kind, data in events if not kind.startswith("file.")}
    assert told["snapshot"] == (2, 100)
    assert (told["batch.accepted"], told["batch.started"], told["batch.completed"]) == ((0, 0), (0, 0), (2, 100))
    ends = [data for kind, data in events if kind.startswith("file.")]
    assert [data["processed"] for data in ends] == [1, 2]
    assert [50 <= data["percent"] <= 99 for data in ends] == [True, True]
    assert events[-1][1] | {"at": ""} == {
        "sequence": 5,
        "kind": "batch.completed",
        "at": "",
        "processed": 2,
        "failed": 1,
        "total": 2,
        "pages_done": events[-1][1]["pages_done"],
        "pages_total": 4,
        "percent": 100,
    }
    rest = await batches.events(batch_id, headers={"Last-Event-ID": "3"})
    assert [data["sequence"] for kind, data in rest if kind != "snapshot"] == [4, 5]
    over = await batches.get(f"/v1/batch/{batch_id}/events", headers={"Last-Event-ID": "5"})
    assert over.status_code == 204


async def test_a_poll_in_the_middle(batches: BatchHouse) -> None:
    """While a file is at work the batch is processing; every key is there, the link is null."""
    batches.stuck.add("b.pdf")
    made = await batches.submit("a.pdf", "b.pdf")
    await batches.processed(made["batch_id"], 1)
    shown = (await batches.get(f"/v1/batch/{made['batch_id']}")).json()
    assert shown == {
        "batch_id": made["batch_id"],
        "status": "processing",
        "processed": 1,
        "total": 2,
        "percent": 50,
        "download_url": None,
    }


async def test_a_key_that_is_revoked_in_the_middle(batches: BatchHouse) -> None:
    """Its batch goes on to its end, and a link that was given works."""
    spare = await batches.new_key(batches.org_id)
    batches.stuck.add("a.pdf")
    made = await batches.submit("a.pdf")
    (revoked,) = [key for key in await batches.api.operator.list_keys(batches.org_id) if key.last4 == batches.key[-4:]]
    await batches.api.operator.revoke_key(revoked.id)
    assert (await batches.get(f"/v1/batch/{made['batch_id']}")).status_code == 401
    batches.key = spare
    await batches.release("a.pdf")
    link = (await batches.complete(made["batch_id"]))["download_url"]
    assert (await batches.http.get(link)).json()[0]["file_index"] == 0


async def test_parts_that_are_there_twice_or_that_nobody_asked_for(batches: BatchHouse) -> None:
    """Of a field the last value counts; others are passed over, files too."""
    parts = [
        ("doc_type", (None, "resume")), ("colour", (None, "red")), ("photo", ("p.exe", b"MZ")),
        ("file", ("a.pdf", PDF)), ("doc_type", (None, "invoice")),
    ]  # fmt: skip
    assert (await batches.post("/v1/extract", files=parts)).status_code == 200
    (job,) = [job for job in batches.api.bench.peer.seen if job.kind is JobKind.DOCUMENT]
    assert job.variables == {"documentType": "invoice"}


async def test_downloads_cost_no_request(batches: BatchHouse) -> None:
    """Polls do, and so they are the only ones that are refused."""
    made = await batches.submit("a.pdf")
    link = (await batches.complete(made["batch_id"]))["download_url"]
    await batches.api.operator.set_plan(batches.org_id, "documentflow.free")
    for _ in range(12):
        assert (await batches.http.get(link)).status_code == 200
    assert [(await batches.get(f"/v1/batch/{made['batch_id']}")).status_code for _ in range(12)][-1] == 429
    assert (await batches.http.get(link)).status_code == 200


async def test_batches_are_listed_and_cancelled(batches: BatchHouse) -> None:
    """Newest first, a page at a time; a cancelled one is complete, with errors for what was not done."""
    first = (await batches.submit("a.pdf"))["batch_id"]
    await batches.complete(first)
    batches.silent.add(JobKind.PAGE)
    second = (await batches.submit("b.pdf", "c.pdf"))["batch_id"]
    assert (await batches.get(f"/v1/batch/{second}")).json()["download_url"] is None
    page = (await batches.get("/v1/batch?limit=1")).json()
    assert ([each["batch_id"] for each in page["batches"]], page["total"]) == ([second], 2)
    rest = (await batches.get("/v1/batch", params={"cursor": page["next_cursor"]})).json()
    assert ([each["batch_id"] for each in rest["batches"]], rest["next_cursor"]) == ([first], None)
    early = await batches.get(f"/v1/batch/{second}/results")
    assert (early.status_code, early.json()["detail"]["error"]) == (409, "conflict")
    assert (await batches.post(f"/v1/batch/{second}/cancel")).status_code == 200
    results = await batches.results(second)
    assert [entry["error"]["error"] for entry in results] == ["extraction_failed"] * 2
    assert (await batches.post(f"/v1/batch/{second}/cancel")).status_code == 409


async def test_one_webhook_with_the_documented_signature(batches: BatchHouse) -> None:
    """Four keys, signed over the bytes; every attempt sends the same; the link in it works."""
    async with receiving(answering(500, 410, 503, 200)) as receiver:
        given = {"webhook_url": receiver.url(), "callback_id": "po-7781"}
        made = (await batches.post("/v1/batch", files=files("a.pdf"), data=given)).json()
        await batches.complete(made["batch_id"])
        engine = batches.api.bench.engine
        now = engine.ctx.now
        for passed, count in ((0, 1), (2, 2), (8, 3), (30, 4), (60, 4)):
            object.__setattr__(engine.ctx, "now", lambda passed=passed: now() + timedelta(seconds=passed))
            await send_due(engine.ctx)
            await until(lambda count=count: len(receiver.received) >= count)
        assert len(receiver.received) == 4
        assert len({request.body for request in receiver.received}) == 1
        assert len({request.headers["x-webhook-signature"] for request in receiver.received}) == 1
    body, headers = receiver.received[0].body, receiver.received[0].headers
    told = json.loads(body)
    assert list(told) == ["batch_id", "status", "download_url", "callback_id"]
    assert (told["batch_id"], told["status"], told["callback_id"]) == (made["batch_id"], "complete", "po-7781")
    assert (await batches.http.get(told["download_url"])).json()[0]["file_index"] == 0
    secret = await batches.api.operator.webhook_secret(batches.org_id)
    expected = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    assert headers["x-webhook-signature"] == f"sha256={expected}"


def test_the_documented_signature() -> None:
    """The example of the surface's description."""
    body = (
        b'{"batch_id":"3f0c9a52-6d1e-4b7a-8c44-91e2b7a0d5f6","status":"complete",'
        b'"download_url":"https://files.example.test/r/3f0c9a52?sig=abc","callback_id":"po-7781"}'
    )
    expected = "d92b3151c14001ff5eaab3496550f459844e45b3fa33403a26b86e2331885e7f"
    assert webhook.headers(body, "whsec_example_0001") == {"X-Webhook-Signature": f"sha256={expected}"}
    nobody = json.loads(webhook.body(batches_pb2.Batch(id="b")))
    assert nobody == {"batch_id": "b", "status": "complete", "download_url": None, "callback_id": None}


async def test_usage_counts_documents(batches: BatchHouse) -> None:
    """A batch of three is three; a file that failed is none."""
    batches.faults["bad.pdf"] = BROKEN
    await batches.complete((await batches.submit("a.pdf", "b.pdf", "bad.pdf"))["batch_id"])
    assert (await batches.post("/v1/extract", files={"file": ("a.pdf", PDF)})).status_code == 200
    usage = (await batches.get("/v1/usage")).json()
    today = datetime.now(UTC)
    first = (today.replace(day=1) + timedelta(days=32)).replace(day=1)
    assert usage == {
        "plan": "starter",
        "calls_used": 3,
        "calls_limit": 2000,
        "percent_used": 0,
        "reset_date": first.strftime("%Y-%m-%d"),
        "daily": [{"date": today.strftime("%Y-%m-%d"), "calls": 3}],
    }
    org_id, key = await batches.account("documentflow.enterprise")
    unbounded = (await batches.get("/v1/usage", key=key)).json()
    assert (unbounded["plan"], unbounded["calls_limit"], unbounded["percent_used"]) == ("enterprise", None, 0)
    assert org_id != batches.org_id


async def test_a_request_counts_once(batches: BatchHouse) -> None:
    """Whatever it takes and however it ends: a batch, an extraction, a bad form; each key has calls of its own."""
    limit = 10
    org_id, key = await batches.account("documentflow.free")
    requests: list[Any] = [
        lambda: batches.post("/v1/extract", key=key, files={"file": ("a.pdf", PDF)}),
        lambda: batches.post("/v1/extract", key=key, files={"file": ("a.txt", b"text")}),
        lambda: batches.post("/v1/extract", key=key, content=b"x", headers={"content-type": "text/plain"}),
        lambda: batches.post("/v1/batch", key=key, files=files("a.pdf")),
        lambda: batches.get("/v1/usage", key=key),
        lambda: batches.get("/v1/batch/none", key=key),
        lambda: batches.get("/v1/nothing", key=key),
    ]
    statuses = [(await requests[number % len(requests)]()).status_code for number in range(limit)]
    assert statuses == [200, 422, 415, 403, 200, 404, 404, 200, 422, 415]
    for send in requests[:6]:
        answer = await send()
        assert (answer.status_code, answer.json()["detail"]["error"]) == (429, "rate_limit_exceeded")
    another = await batches.new_key(org_id)
    assert (await batches.get("/v1/usage", key=another)).status_code == 200


async def test_links_name_the_address_that_the_caller_used(sqlite_url: str) -> None:
    """Unless the operator says where the surface is."""
    async with open_batch_house(sqlite_url, public_url="https://api.example.test/") as house:
        made = await house.submit("a.pdf")
        link = (await house.complete(made["batch_id"]))["download_url"]
        assert link.startswith("https://api.example.test/v1/results/")
        assert (await house.http.get(link.replace("https://api.example.test", house.url))).status_code == 200


async def test_the_same_batch_is_made_once(batches: BatchHouse) -> None:
    """An idempotency key of the caller's own, beside the documents of the surface."""
    headers = {"Idempotency-Key": "k-1"}
    first, again = [(await batches.submit("a.pdf", headers=headers))["batch_id"] for _ in range(2)]
    assert first == again
    other = await batches.post("/v1/batch", files=files("b.pdf", content=PDF + b"!"), headers=headers)
    assert (other.status_code, other.json()["detail"]["error"]) == (409, "conflict")


async def test_a_hundred_files(batches: BatchHouse) -> None:
    """As many as a batch may have, in their order; a field may stand behind them."""
    names = [f"{number:03d}.pdf" for number in range(100)]
    for number, name in enumerate(names):
        batches.outputs[name] = {**INVOICE, "number": str(number)}
    boundary, parts = "b0", []
    for name in names:
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'
        parts.append(head.encode() + PDF + b"\r\n")
    tail = f'--{boundary}\r\nContent-Disposition: form-data; name="callback_id"\r\n\r\nlast\r\n--{boundary}--\r\n'

    async def body() -> AsyncIterator[bytes]:
        for part in [*parts, tail.encode()]:
            yield part

    headers = {"content-type": f"multipart/form-data; boundary={boundary}"}
    made = (await batches.post("/v1/batch", content=body(), headers=headers)).json()
    assert (made["total_files"], made["estimated_seconds"]) == (100, 300)
    results = await batches.results(made["batch_id"])
    meta = [entry["extraction"]["document_meta"]["invoice_number"] for entry in results]
    assert meta == [str(number) for number in range(100)]


async def test_two_batches_that_fit_only_one_by_one(sqlite_url: str) -> None:
    """Exactly one is taken, the other leaves nothing behind."""
    async with open_batch_house(sqlite_url) as house:
        house.silent.add(JobKind.PAGE)
        await house.use_up(1995, house.key)
        sent = [house.post("/v1/batch", files=files(*(f"{number}.pdf" for number in range(3)))) for _ in range(2)]
        answers = sorted(await asyncio.gather(*sent), key=lambda answer: answer.status_code)
        assert [answer.status_code for answer in answers] == [200, 429]
        detail = answers[1].json()["detail"]
        assert (detail["error"], detail["retry_after"]) == ("quota_exceeded", None)
        assert "Retry-After" not in answers[1].headers
        assert (await house.get("/v1/usage")).json()["calls_used"] == 1998


def test_types_and_their_blocks() -> None:
    """A type's own block is shown with it only, amounts where there is a total; nothing is null."""
    sections = {"payslip": {"netPay": 2000, "employeeName": "A", "designation": None}}
    shown = document.flat({**INVOICE, "category": "payslip", "sections": sections}, job_id="extr_0")
    assert shown["payslip"] == {"net_pay": 2000, "employee_name": "A"}
    assert "financial" not in shown
    assert shown["document_category"] == "hr"
    assert shown["document_meta"]["document_number"] == "KT/0417"
    no_total = {name: value for name, value in INVOICE.items() if name != "total"}
    assert "financial" not in document.flat(no_total, job_id="extr_0")
    other = document.flat({"fields": {"Ward": "B2"}}, job_id="extr_0")
    assert (other["document_type"], other["document_category"]) == ("other", "other")
    assert other["extracted_fields"] == {"Ward": "B2"}
    taxes = [{"kind": "VAT", "rate": 7, "amount": 1.1}, {"kind": "VAT", "rate": 19, "amount": 2.2}]
    totals = document.flat({**INVOICE, "taxes": taxes}, job_id="extr_0")["financial"]["totals"]
    assert totals["vat"] == pytest.approx(3.3)


async def test_a_key_without_the_scope(batches: BatchHouse) -> None:
    """Such keys do not exist on the surface by itself; an operator may make one."""
    key = await batches.new_key(batches.org_id, Scope.BATCH_READ)
    answer = await batches.post("/v1/batch", key=key, files=files("a.pdf"))
    assert (answer.status_code, answer.json()["detail"]["error"]) == (403, "forbidden")
