"""Webhooks from a run's end to their receiver, on both databases, with a real receiver and a clock that the test turns."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
import pytest_asyncio
from standardwebhooks import Webhook

from docmill.client.webhooks import verify
from docmill.domain.deliveries import DeliveryPolicy, DeliveryState
from docmill.domain.errors import InvalidArgument, NotFound, Reason
from docmill.domain.models import Mode
from docmill.domain.states import RunState
from docmill.engine import RunRequest, WebhookRequest
from docmill.engine.vault import Vault, new_key
from docmill.store import Store
from docmill.store.deliveries import ATTEMPTS_KEPT
from tests.fixtures.engine import CALLER, QUICK, serving
from tests.fixtures.hooks import SECRET, Post, posting, send_due, tenant, webhooks
from tests.fixtures.receiver import OK, Received, answering, receiving, status

EXACT = DeliveryPolicy(jitter=0)


@pytest_asyncio.fixture
async def post(store: Store) -> AsyncIterator[Post]:
    """An engine whose loops stand still."""
    async with posting(store, webhooks(policy=EXACT)) as post:
        yield post


async def test_a_succeeded_run_is_told_with_its_output(post: Post) -> None:
    """The receiver gets one signed request with the run's output in order; the delivery is DELIVERED with its attempt."""
    async with receiving() as receiver:
        wanted = WebhookRequest(url=receiver.url("/a?b=c"))
        run = await post.ended(wanted, state=RunState.SUCCEEDED, output={"z": 1, "a": [True]})
        assert await post.send() == 1
        assert await post.send() == 0
    (request,) = receiver.received
    delivery = await post.delivery(run)
    assert request.target == "/a?b=c"
    assert request.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["user-agent"].startswith("docmill-webhooks/")
    assert request.headers["webhook-id"] == delivery.id
    told = Webhook(SECRET).verify(request.body, request.headers)
    assert told["type"] == "execution.completed"
    assert told["data"]["id"] == run.id
    assert told["data"]["status"] == "RUN_STATUS_SUCCEEDED"
    assert told["data"]["metadata"] == {"ward": "B2"}
    assert list(told["data"]["output"]) == ["z", "a"]
    assert (delivery.state, delivery.next_at, delivery.ended_at) == (DeliveryState.DELIVERED, None, post.clock.now)
    assert [(made.number, made.http_status, made.error) for made in delivery.attempts] == [(1, 200, "")]


async def test_a_dialects_form_is_signed_twice(post: Post) -> None:
    """The Doclo form: the Execution object, padded for the stock client, and both signatures over the exact bytes."""
    async with receiving() as receiver:
        run = await post.ended(WebhookRequest(url=receiver.url(), format="doclo", secret="my-own-secret"))
        await post.send()
    (request,) = receiver.received
    digest = hmac.new(b"my-own-secret", request.body, hashlib.sha256).hexdigest()
    assert request.headers["x-doclo-signature"] == f"sha256={digest}"
    assert request.headers["x-doclo-event"] == "execution.failed"
    assert request.headers["x-doclo-delivery"] == (await post.delivery(run)).id
    assert request.headers["x-doclo-attempt"] == "1"
    assert len(request.body) >= 4096
    assert request.body.rstrip().endswith(b"}}")
    told = Webhook(b"my-own-secret").verify(request.body, request.headers)
    assert told == verify(request.body, request.headers, "my-own-secret")
    assert (told["event"], told["data"]["status"], told["data"]["id"]) == ("execution.failed", "failed", run.id)
    assert told["data"]["error"]["code"] == "INVALID_DOCUMENT"


async def test_cancelled_runs_are_told_only_where_wanted(post: Post) -> None:
    """No delivery for a cancelled run, unless its webhook asked for it."""
    async with receiving() as receiver:
        silent = await post.ended(WebhookRequest(url=receiver.url()), state=RunState.CANCELLED)
        told = await post.ended(WebhookRequest(url=receiver.url(), on_cancel=True), state=RunState.CANCELLED)
        assert await post.send() == 1
    assert list(await post.engine.list_deliveries(CALLER, silent.id)) == []
    assert (await post.delivery(told)).event == "execution.cancelled"
    assert json.loads(receiver.received[0].body)["data"]["id"] == told.id


async def test_the_schedule_of_retries(post: Post) -> None:
    """Eight attempts with the gaps of the policy, each stamped and signed afresh under one id; then FAILED."""
    async with receiving(answering(500)) as receiver:
        run = await post.ended(WebhookRequest(url=receiver.url(), format="doclo"))
        began = post.clock.now
        for gap in EXACT.gaps:
            post.clock.forward(gap - 1)
            assert await post.send() == 0
            post.clock.forward(1)
            assert await post.send() == 1
        post.clock.forward(7 * 86_400)
        assert await post.send() == 0
    assert len(receiver.received) == len(EXACT.gaps) == 8
    assert len({request.headers["webhook-id"] for request in receiver.received}) == 1
    assert len({request.headers["x-doclo-signature"] for request in receiver.received}) == 8
    assert [request.headers["x-doclo-attempt"] for request in receiver.received] == [str(n) for n in range(1, 9)]
    stamps = [datetime.fromisoformat(json.loads(request.body)["timestamp"]) for request in receiver.received]
    waited = [(later - earlier).total_seconds() for earlier, later in pairwise(stamps)]
    assert waited == list(EXACT.gaps[1:])
    assert stamps[0] - began < timedelta(seconds=2)
    delivery = await post.delivery(run)
    assert delivery.state is DeliveryState.FAILED
    assert delivery.next_at is None
    assert {made.error for made in delivery.attempts} == {"the receiver answered 500"}
    assert [made.at for made in delivery.attempts] == [
        pytest.approx(stamp, abs=timedelta(milliseconds=1)) for stamp in stamps
    ]


async def test_what_counts_as_taken(post: Post) -> None:
    """Any 2xx is; a redirect is not and is not followed; 410 ends it at once."""
    async with receiving() as elsewhere:
        location = f"Location: {elsewhere.url()}"

        async def answer(request: Received, _writer: asyncio.StreamWriter) -> bytes:
            return status(int(request.target[1:]), location)

        async with receiving(answer) as receiver:
            outcomes = {}
            for code in (200, 201, 204, 299, 301, 302, 307, 308, 400, 404, 410, 429, 503):
                run = await post.ended(WebhookRequest(url=receiver.url(f"/{code}")))
                await post.send()
                outcomes[code] = (await post.delivery(run)).state.value
        assert elsewhere.connections == 0
    assert outcomes == {
        **dict.fromkeys((200, 201, 204, 299), "DELIVERED"),
        **dict.fromkeys((301, 302, 307, 308, 400, 404, 429, 503), "PENDING"),
        410: "FAILED",
    }


async def test_redelivery_starts_the_schedule_anew_under_the_same_id(post: Post) -> None:
    """A delivered and a failed delivery are sent again from the first attempt on; attempts are numbered on."""
    async with receiving(answering(410, 500, 200)) as receiver:
        run = await post.ended(WebhookRequest(url=receiver.url()))
        await post.send()
        failed = await post.delivery(run)
        assert failed.state is DeliveryState.FAILED
        again = await post.engine.redeliver(CALLER, run.id, failed.id)
        assert (again.id, again.state, again.ended_at) == (failed.id, DeliveryState.PENDING, None)
        await post.send()
        waiting = await post.delivery(run)
        assert waiting.next_at == post.clock.now + timedelta(seconds=EXACT.gaps[1])
        post.clock.forward(EXACT.gaps[1])
        await post.send()
        await post.engine.redeliver(CALLER, run.id, failed.id)
        await post.send()
    assert {request.headers["webhook-id"] for request in receiver.received} == {failed.id}
    delivery = await post.delivery(run)
    assert [(made.number, made.http_status) for made in delivery.attempts] == [(1, 410), (2, 500), (3, 200), (4, 200)]
    assert delivery.state is DeliveryState.DELIVERED


async def test_the_log_of_a_delivery_is_bounded(post: Post) -> None:
    """Of a delivery that is asked for without end, the latest attempts are kept."""
    async with receiving() as receiver:
        run = await post.ended(WebhookRequest(url=receiver.url()))
        await post.send()
        delivery = await post.delivery(run)
        for _ in range(ATTEMPTS_KEPT + 3):
            await post.engine.redeliver(CALLER, run.id, delivery.id)
            await post.send()
    numbers = [made.number for made in (await post.delivery(run)).attempts]
    assert numbers == list(range(5, ATTEMPTS_KEPT + 5))


async def test_a_lost_attempt_is_made_again_when_its_lease_has_run_out(post: Post) -> None:
    """A process that dies while it sends costs the lease's time; a late outcome of its attempt decides nothing."""
    entered, leave = asyncio.Event(), asyncio.Event()

    async def answer(_request: Received, _writer: asyncio.StreamWriter) -> bytes:
        if not entered.is_set():
            entered.set()
            await leave.wait()
            return status(500)
        return OK

    async with receiving(answer) as receiver:
        run = await post.ended(WebhookRequest(url=receiver.url()))
        lost = asyncio.create_task(post.send())
        await entered.wait()
        assert await send_due(post.ctx) == 0
        assert post.ctx.webhooks is not None
        post.clock.forward(post.ctx.webhooks.lease.total_seconds())
        assert await send_due(post.ctx) == 1
        leave.set()
        await lost
    delivery = await post.delivery(run)
    assert delivery.state is DeliveryState.DELIVERED
    assert [made.http_status for made in delivery.attempts] == [200, 500]


async def test_replicas_share_the_work(store: Store, post: Post) -> None:
    """Two processes that send at once send each delivery once."""
    async with receiving() as receiver:
        for _ in range(30):
            await post.ended(WebhookRequest(url=receiver.url()))
        await asyncio.gather(*(send_due(replace(post.ctx, mail=asyncio.Event())) for _ in range(3)))
    ids = [request.headers["webhook-id"] for request in receiver.received]
    assert len(ids) == len(set(ids)) == 30


async def test_a_large_output_stays_here(store: Store) -> None:
    """A body over the limit goes without the output and says so, in every form."""
    async with posting(store, webhooks(max_body=20_000)) as post, receiving() as receiver:
        for form in ("", "doclo"):
            await post.ended(
                WebhookRequest(url=receiver.url(), format=form), state=RunState.SUCCEEDED, output=["x" * 19_990]
            )
        await post.ended(WebhookRequest(url=receiver.url()), state=RunState.SUCCEEDED, output=["x" * 16 * 20_000])
        await post.send()
    assert len(receiver.received) == 3
    for request in receiver.received:
        data = json.loads(request.body)["data"]
        assert data["outputTruncated"] is True
        assert "output" not in data
        assert len(request.body) < 20_000


async def test_a_rotated_secret_holds_from_the_next_attempt_on(post: Post, store: Store) -> None:
    """Pending deliveries are signed with the organization's secret of the moment; old keys of the vault still open it."""
    async with receiving(answering(500, 200)) as receiver:
        await post.ended(WebhookRequest(url=receiver.url()))
        await post.send()
        fresh = "whsec_" + "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo="
        hooks = post.ctx.webhooks
        assert hooks is not None
        old = hooks.vault.keys
        turned = Vault((*Vault.of(new_key()).keys, *old))
        from docmill.store import accounts

        await store.write(lambda: accounts.set_webhook_secret(CALLER.org_id, hooks.vault.seal(fresh)))
        post.clock.forward(5)
        await send_due(replace(post.ctx, webhooks=replace(hooks, vault=turned)))
    first, second = receiver.received
    Webhook(SECRET).verify(first.body, first.headers)
    Webhook(fresh).verify(second.body, second.headers)


async def test_a_secret_whose_key_is_gone_is_an_attempt_that_failed(post: Post) -> None:
    """Nothing is sent unsigned; the owner reads that the operator has to help, and the schedule goes on."""
    async with receiving() as receiver:
        run = await post.ended(WebhookRequest(url=receiver.url()))
        hooks = post.ctx.webhooks
        assert hooks is not None
        await send_due(replace(post.ctx, webhooks=replace(hooks, vault=Vault.of(new_key()))))
        assert receiver.connections == 0
    delivery = await post.delivery(run)
    assert delivery.state is DeliveryState.PENDING
    assert "operator" in delivery.attempts[0].error


async def test_a_slow_receiver_does_not_hold_up_others(store: Store) -> None:
    """While one host leaves everybody waiting, others get theirs; it never has more than its share of attempts."""
    hooks = webhooks(at_once=6, at_once_to_host=2, at_once_of_org=6)
    release = asyncio.Event()

    async def wait(_request: Received, _writer: asyncio.StreamWriter) -> bytes:
        await release.wait()
        return OK

    async with serving(store, QUICK, webhooks=hooks) as bench:
        await tenant(store, hooks)
        async with receiving(wait) as slow, receiving(host="127.0.0.2") as quick:
            slow_url, quick_url = slow.url(), quick.url(host="127.0.0.2")
            for url in (*[slow_url] * 12, *[quick_url] * 12):
                await bench.run(RunRequest(flow_id="document-text", content=b"%PDF", webhook=WebhookRequest(url=url)))
            async with asyncio.timeout(20):
                while len(quick.received) < 12:  # noqa: ASYNC110 - what is waited for happens at the receiver
                    await asyncio.sleep(0.01)
            assert len(slow.received) == slow.most_open == 2
            release.set()
            async with asyncio.timeout(20):
                while len(slow.received) < 12:  # noqa: ASYNC110 - as above
                    await asyncio.sleep(0.01)
            assert slow.most_open == 2
    await hooks.sender.aclose()


async def test_the_loop_wakes_up_when_a_run_ends(store: Store) -> None:
    """With loops that look once an hour, a run's end and a cancellation are told at once all the same."""
    hooks = webhooks(idle=timedelta(hours=1))
    async with serving(store, QUICK, webhooks=hooks) as bench, receiving() as receiver:
        await tenant(store, hooks)
        wanted = WebhookRequest(url=receiver.url())
        run_id = await bench.run(RunRequest(flow_id="document-text", content=b"%PDF", webhook=wanted))
        async with asyncio.timeout(10):
            while not receiver.received:  # noqa: ASYNC110 - what is waited for happens at the receiver
                await asyncio.sleep(0.01)
            bench.peer.answer = lambda _job: None
            wanted = replace(wanted, on_cancel=True)
            other = await bench.run(RunRequest(flow_id="document-text", content=b"%PDF", webhook=wanted))
            await bench.engine.cancel_run(CALLER, other)
            while len(receiver.received) < 2:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.01)
    told = [json.loads(request.body)["data"]["id"] for request in receiver.received]
    assert told == [run_id, other]
    await hooks.sender.aclose()


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        (WebhookRequest(url="http://10.1.2.3/hook"), "webhookUrl"),
        (WebhookRequest(url="https://u:p@a.example/"), "webhookUrl"),
        (WebhookRequest(url="https://a.example/", format="morse"), "webhookFormat"),
    ],
)
async def test_what_can_never_be_sent_is_refused_before_anything_is_created(
    post: Post, wanted: WebhookRequest, field: str
) -> None:
    """FIELD_INVALID names the field; there is no run afterwards."""
    with pytest.raises(InvalidArgument) as refused:
        await post.ended(wanted)
    assert (refused.value.reason, refused.value.details["field"]) == (Reason.FIELD_INVALID, field)
    from docmill.engine.requests import RunFilter

    assert (await post.engine.list_runs(CALLER, RunFilter(), limit=10)).total == 0


async def test_without_a_key_there_are_no_webhooks(store: Store) -> None:
    """An installation that cannot keep secrets says which setting is missing; runs without webhooks go on."""
    async with posting(store, webhooks()) as post:
        hooks = post.ctx.webhooks
        assert hooks is not None
        bare = replace(post, engine=type(post.engine)(replace(post.ctx, webhooks=replace(hooks, vault=Vault()))))
        with pytest.raises(InvalidArgument, match="DOCMILL_SECRET_KEY"):
            await bare.ended(WebhookRequest(url="https://a.example/"))
        await bare.engine.run_flow(CALLER, RunRequest(flow_id="document-text", content=b"%PDF"))


async def test_deliveries_are_their_owners(post: Post) -> None:
    """Another organization or mode sees no run; a delivery of another run is none of this one."""
    async with receiving() as receiver:
        run = await post.ended(WebhookRequest(url=receiver.url()))
        other = await post.ended(WebhookRequest(url=receiver.url()))
    delivery = await post.delivery(run)
    for stranger in (replace(CALLER, org_id="org_2"), replace(CALLER, mode=Mode.LIVE)):
        with pytest.raises(NotFound) as refused:
            await post.engine.list_deliveries(stranger, run.id)
        assert refused.value.reason is Reason.RUN_NOT_FOUND
        with pytest.raises(NotFound) as refused:
            await post.engine.redeliver(stranger, run.id, delivery.id)
        assert refused.value.reason is Reason.RUN_NOT_FOUND
    for unknown in (delivery.id, "dlv_nothing"):
        with pytest.raises(NotFound) as refused:
            await post.engine.redeliver(CALLER, other.id, unknown)
        assert refused.value.reason is Reason.DELIVERY_NOT_FOUND
