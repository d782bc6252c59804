import assert from "node:assert/strict";
import { test } from "node:test";
import * as errors from "../src/errors.js";
import { isTerminal, type RunEvent } from "../src/index.js";
import { Transport } from "../src/transport.js";
import { Watch } from "../src/watch.js";
import { all, event, events, json, nothing, refusal, reset, run, silence, StandIn } from "./stand-in.js";

const FIRST = event(1, "run.accepted") + event(2, "page.done", { page: { pageNumber: 1, attempt: 1 } });
const LAST = event(3, "run.succeeded");

function sequences(found: RunEvent[]): number[] {
  return found.map((each) => each.sequence);
}

test("a watch gives every event, in order, until the last one", async () => {
  await using server = await StandIn.start(events(FIRST + LAST, "stay"));
  const found = await all(server.client().runs.watch("run/1"));
  assert.deepEqual(sequences(found), [1, 2, 3]);
  assert.deepEqual(found.map(isTerminal), [false, false, true]);
  assert.equal(found[1]?.page?.pageNumber, 1);
  assert.equal(server.seen[0]?.url, "/api/v1/runs/run%2F1/events");
  assert.equal(server.seen[0]?.headers["last-event-id"], undefined);
  assert.equal(server.seen[0]?.headers.accept, "text/event-stream");
});

for (const how of ["end", "cut"] as const) {
  test(`a stream that breaks (${how}) is opened again after the last event, and nothing comes twice`, async () => {
    await using server = await StandIn.start(events(FIRST + "id: 3\nevent: run.suc", how), events(FIRST + LAST));
    assert.deepEqual(sequences(await all(server.client().runs.watch("run_1"))), [1, 2, 3]);
    assert.equal(server.seen[1]?.headers["last-event-id"], "2");
  });
}

test("what stands between, away for a while, does not end a watch", async () => {
  await using server = await StandIn.start(
    events(FIRST, "cut"),
    reset,
    refusal(503, "SERVICE_UNAVAILABLE"),
    refusal(429, "RATE_LIMITED"),
    events(LAST),
  );
  assert.deepEqual(sequences(await all(server.client().runs.watch("run_1"))), [1, 2, 3]);
});

test("a watch from the end on is empty", async () => {
  await using server = await StandIn.start(nothing);
  assert.deepEqual(await all(server.client().runs.watch("run_1", { after: 3 })), []);
  assert.equal(server.seen[0]?.headers["last-event-id"], "3");
});

test("an address that never answered, and an answer that will not change, are errors at once", async () => {
  const closed = await StandIn.start();
  await closed.close();
  await assert.rejects(all(closed.client().runs.watch("run_1")), errors.ConnectionFailedError);
  await using missing = await StandIn.start(events(FIRST, "cut"), refusal(404, "EXECUTION_NOT_FOUND"));
  await assert.rejects(all(missing.client().runs.watch("run_1")), errors.NotFoundError);
  await using page = await StandIn.start(json({ hello: 1 }));
  await assert.rejects(all(page.client().runs.watch("run_1")), /is not docmill/);
});

test("a connection that does not come back is given up after reconnectTimeoutMs", async () => {
  await using server = await StandIn.start(events(FIRST, "cut"), reset);
  const found: number[] = [];
  await assert.rejects(async () => {
    for await (const each of server.client({ reconnectTimeoutMs: 300 }).runs.watch("run_1")) found.push(each.sequence);
  }, errors.ConnectionFailedError);
  assert.deepEqual(found, [1, 2]);
  assert.ok(server.seen.length > 2);
});

test("a server that ends every stream early is given up, too", async () => {
  await using server = await StandIn.start(events(""));
  await assert.rejects(all(server.client({ reconnectTimeoutMs: 300 }).runs.watch("run_1")), /ends every watch early/);
});

test("a connection that falls silent counts as broken", async () => {
  await using server = await StandIn.start(events(FIRST, "stay"), silence, events(LAST));
  const transport = new Transport({ baseUrl: server.url, apiKey: "k" });
  assert.deepEqual(sequences(await all(new Watch(transport, "run_1", {}, 100).events())), [1, 2, 3]);
});

test("heartbeats keep a quiet watch alive", async () => {
  await using server = await StandIn.start((response) => {
    events(FIRST, "stay")(response, server.seen[0]!);
    let beats = 0;
    const timer = setInterval(() => {
      response.write(": nothing new\n\n");
      if (++beats === 8) {
        clearInterval(timer);
        response.end(LAST);
      }
    }, 40);
  });
  const transport = new Transport({ baseUrl: server.url, apiKey: "k" });
  assert.deepEqual(sequences(await all(new Watch(transport, "run_1", {}, 200).events())), [1, 2, 3]);
  assert.equal(server.seen.length, 1);
});

test("a reader who takes his time is not taken for a silent server", async () => {
  await using server = await StandIn.start(events(FIRST + LAST, "stay"));
  const transport = new Transport({ baseUrl: server.url, apiKey: "k" });
  const found: number[] = [];
  for await (const each of new Watch(transport, "run_1", {}, 100).events()) {
    found.push(each.sequence);
    await new Promise((resolve) => setTimeout(resolve, 150));
  }
  assert.deepEqual(found, [1, 2, 3]);
  assert.equal(server.seen.length, 1);
});

test("leaving the loop closes the connection", async () => {
  await using server = await StandIn.start(events(FIRST, "stay"));
  for await (const each of server.client().runs.watch("run_1")) {
    assert.equal(each.sequence, 1);
    break;
  }
  while (server.left === 0) await new Promise((resolve) => setImmediate(resolve));
});

test("a signal ends a watch with its own reason, also between two connections", async () => {
  const reason = new Error("enough");
  await using server = await StandIn.start(events(FIRST, "stay"));
  const controller = new AbortController();
  const watch = server.client().runs.watch("run_1", { signal: controller.signal });
  await watch.next();
  await watch.next();
  const waiting = watch.next();
  controller.abort(reason);
  await assert.rejects(waiting, reason);

  await using broken = await StandIn.start(events(FIRST, "cut"), (response) => {
    second.abort(reason);
    response.destroy();
  });
  const second = new AbortController();
  await assert.rejects(all(broken.client().runs.watch("run_1", { signal: second.signal })), reason);
});

test("waiting gives the run at its end, however it ended", async () => {
  await using server = await StandIn.start(events(FIRST + LAST), json(run({ status: "success", output: { a: 1 } })));
  const done = await server.client().runs.waitForCompletion<{ a: number }>("run_1", { include: ["evidence"] });
  assert.equal(done.output?.a, 1);
  assert.equal(server.seen[1]?.url, "/api/v1/runs/run_1?include=evidence");
});

test("a wait that takes too long is a WaitTimeoutError; the run goes on", async () => {
  await using server = await StandIn.start(events(FIRST, "stay"));
  await assert.rejects(server.client().runs.waitForCompletion("run_1", { timeoutMs: 80 }), errors.WaitTimeoutError);
  assert.equal(server.seen.length, 1);
});

test("the result of a run that failed or was cancelled is an error with the run", async () => {
  const error = { code: "INVALID_DOCUMENT", message: "It is encrypted", step: "", details: { reason: "encrypted" } };
  await using failed = await StandIn.start(
    events(event(1, "run.failed")),
    json(run({ status: "failed", error })),
  );
  const { runs } = failed.client();
  await assert.rejects(runs.handle(run() as never).result(), (thrown: errors.RunFailedError) => {
    assert.ok(thrown instanceof errors.RunFailedError);
    const { code, reason, message } = thrown;
    assert.deepEqual([code, reason, message], ["INVALID_DOCUMENT", "encrypted", "It is encrypted"]);
    assert.equal(thrown.run.status, "failed");
    return true;
  });
  await using cancelled = await StandIn.start(events(event(1, "run.cancelled")), json(run({ status: "cancelled" })));
  await assert.rejects(cancelled.client().runs.handle(run() as never).result(), errors.RunCancelledError);
});
