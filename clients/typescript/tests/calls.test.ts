import assert from "node:assert/strict";
import { test } from "node:test";
import * as errors from "../src/errors.js";
import { Docmill, type ApiError } from "../src/index.js";
import { all, json, refusal, reset, run, silence, StandIn } from "./stand-in.js";

test("a call carries the key and goes below /api/v1, whatever slashes and folders the base has", async () => {
  await using server = await StandIn.start(json({ id: "f" }));
  for (const [suffix, path] of [
    ["", "/api/v1/flows/f"],
    ["/", "/api/v1/flows/f"],
    ["/some/folder/", "/some/folder/api/v1/flows/f"],
  ]) {
    await server.client({ baseUrl: server.url + suffix }).flows.get("f");
    assert.equal(server.seen.at(-1)?.url, path);
  }
  assert.equal(server.seen[0]?.headers.authorization, "Bearer dc_test_key");
  assert.equal(server.seen[0]?.headers.accept, "application/json");
});

test("ids and parameters are encoded", async () => {
  await using server = await StandIn.start(json({}));
  const docmill = server.client();
  await docmill.flows.get("a/b c", { version: "1.0.0+x" });
  await docmill.runs.get("r?1", { include: ["evidence", "metrics"] });
  await docmill.documents.upload(new Uint8Array(), { filename: "ä &.pdf" });
  assert.deepEqual(
    server.seen.map((seen) => seen.url),
    [
      "/api/v1/flows/a%2Fb%20c?version=1.0.0%2Bx",
      "/api/v1/runs/r%3F1?include=evidence%2Cmetrics",
      "/api/v1/documents?filename=%C3%A4+%26.pdf",
    ],
  );
});

test("an address or a key that cannot be right is told at once", () => {
  for (const baseUrl of ["127.0.0.1:8080", "ftp://host", ""]) {
    assert.throws(() => new Docmill({ baseUrl, apiKey: "k" }), TypeError);
  }
  assert.throws(() => new Docmill({ baseUrl: "http://host", apiKey: "" }), TypeError);
});

const TABLE: readonly (readonly [number, string, string])[] = [
  [400, "INVALID_INPUT", "InvalidArgumentError"],
  [401, "UNAUTHORIZED", "AuthenticationError"],
  [402, "INSUFFICIENT_CREDITS", "PaymentRequiredError"],
  [403, "FORBIDDEN", "PermissionDeniedError"],
  [404, "FLOW_NOT_FOUND", "NotFoundError"],
  [405, "METHOD_NOT_ALLOWED", "UnsupportedError"],
  [409, "IDEMPOTENCY_CONFLICT", "ConflictError"],
  [409, "ALREADY_CANCELLED", "FailedPreconditionError"],
  [409, "NOT_CANCELLABLE", "FailedPreconditionError"],
  [413, "PAYLOAD_TOO_LARGE", "InvalidArgumentError"],
  [415, "UNSUPPORTED_MEDIA_TYPE", "InvalidArgumentError"],
  [422, "VALIDATION_ERROR", "InvalidArgumentError"],
  [429, "RATE_LIMITED", "ResourceExhaustedError"],
  [500, "INTERNAL_ERROR", "ServerError"],
  [501, "NOT_IMPLEMENTED", "UnsupportedError"],
  [503, "SERVICE_UNAVAILABLE", "UnavailableError"],
  [504, "EXECUTION_TIMEOUT", "DeadlineExceededError"],
  [599, "NEW", "ServerError"],
];

for (const [status, code, name] of TABLE) {
  test(`${status} ${code} is a ${name} with everything that the answer said`, async () => {
    const details = { reason: "because", field: "input.document" };
    await using server = await StandIn.start(
      refusal(status, code, details, { "x-request-id": "req_1", "retry-after": "7" }),
    );
    await assert.rejects(server.client().runs.cancel("run_1"), (error: ApiError) => {
      assert.equal(error.name, name);
      assert.equal(error.constructor, errors[name as keyof typeof errors]);
      assert.ok(error instanceof errors.ApiError);
      const { message, reason, requestId, retryAfterMs } = error;
      assert.deepEqual(
        [error.status, error.code, error.details, message, reason, requestId, retryAfterMs],
        [status, code, details, `${code} it is`, "because", "req_1", 7000],
      );
      assert.equal(error.retryable, [429, 503, 504].includes(status));
      return true;
    });
    assert.equal(server.seen.length, 1, "what changes something is never repeated");
  });
}

test("an error of a proxy is told by its status", async () => {
  for (const body of ["<h1>Bad gateway</h1>", "", "null", '{"error":"text"}', '{"message":"x"}']) {
    await using server = await StandIn.start((response) => {
      response.writeHead(502, { "retry-after": "Wed, 21 Oct 2015 07:28:00 GMT" }).end(body);
    });
    await assert.rejects(server.client().runs.cancel("run_1"), (error: ApiError) => {
      assert.ok(error instanceof errors.UnavailableError);
      assert.deepEqual([error.code, error.reason, error.retryAfterMs], ["", "", undefined]);
      assert.match(error.message, /HTTP 502/);
      return true;
    });
  }
});

test("a GET is tried again when the connection breaks or docmill is away for a moment", async () => {
  await using server = await StandIn.start(reset, refusal(503, "SERVICE_UNAVAILABLE"), json(run()));
  assert.equal((await server.client().runs.get("run_1")).id, "run_1");
  assert.equal(server.seen.length, 3);
});

test("a GET is not tried for ever, nor after an answer that will not change", async () => {
  await using away = await StandIn.start(refusal(503, "SERVICE_UNAVAILABLE"));
  await assert.rejects(away.client().runs.get("run_1"), errors.UnavailableError);
  assert.equal(away.seen.length, 3);
  await using missing = await StandIn.start(refusal(404, "EXECUTION_NOT_FOUND"));
  await assert.rejects(missing.client().runs.get("run_1"), errors.NotFoundError);
  assert.equal(missing.seen.length, 1);
});

test("nobody at the address is a ConnectionFailedError that says why", async () => {
  const server = await StandIn.start();
  await server.close();
  await assert.rejects(server.client().runs.get("run_1"), (error: Error) => {
    assert.ok(error instanceof errors.ConnectionFailedError);
    assert.match(error.message, /ECONNREFUSED/);
    return true;
  });
});

test("a server that does not answer is given up after timeoutMs", async () => {
  await using server = await StandIn.start(silence);
  await assert.rejects(server.client({ timeoutMs: 50 }).runs.get("run_1"), errors.ConnectionFailedError);
  assert.equal(server.seen.length, 1);
});

test("a signal ends a call with its own reason, before and in the middle", async () => {
  await using server = await StandIn.start(silence);
  const reason = new Error("enough");
  await assert.rejects(server.client().runs.get("run_1", { signal: AbortSignal.abort(reason) }), reason);
  const controller = new AbortController();
  const call = server.client().runs.get("run_1", { signal: controller.signal });
  controller.abort(reason);
  await assert.rejects(call, reason);
});

test("what answers with a page is not docmill", async () => {
  await using server = await StandIn.start((response) => void response.end("<h1>Welcome</h1>"));
  await assert.rejects(server.client().runs.cancel("run_1"), /is not docmill/);
});

test("lists are drawn part by part, and no further than they are read", async () => {
  await using server = await StandIn.start(
    json({ data: [{ id: "a" }, { id: "b" }], nextCursor: "c/1" }),
    json({ data: [{ id: "c" }] }),
  );
  const docmill = server.client();
  assert.deepEqual((await all(docmill.flows.list())).map((flow) => flow.id), ["a", "b", "c"]);
  assert.deepEqual(
    server.seen.map((seen) => seen.url),
    ["/api/v1/flows?limit=100", "/api/v1/flows?limit=100&cursor=c%2F1"],
  );
  await using again = await StandIn.start(json({ data: [{ id: "a" }], nextCursor: "x" }), silence);
  for await (const flow of again.client().flows.list()) {
    assert.equal(flow.id, "a");
    break;
  }
  assert.equal(again.seen.length, 1);
});

test("runs are listed by conditions", async () => {
  await using server = await StandIn.start(json({ data: [run({ status: "completed" })] }));
  const found = await all(
    server.client().runs.list({
      flowId: "f",
      statuses: ["failed", "success"],
      createdAfter: new Date(0),
      label: "ward=B2",
    }),
  );
  assert.equal(found[0]?.status, "success", "in the words of this client, whatever the server's are");
  assert.equal(
    server.seen[0]?.url,
    "/api/v1/runs?limit=100&flowId=f&status=failed%2Csuccess&createdAfter=1970-01-01T00%3A00%3A00.000Z&label=ward%3DB2",
  );
});

test("every kind of source is sent as it is", async () => {
  await using server = await StandIn.start(json({ id: "doc_1" }));
  const { documents } = server.client();
  const bytes = new TextEncoder().encode("%PDF-");
  const stream = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const byte of bytes) controller.enqueue(Uint8Array.of(byte));
      controller.close();
    },
  });
  for (const source of [bytes, bytes.buffer, Buffer.from(bytes), new Blob([bytes]), stream]) {
    await documents.upload(source, { mimeType: "application/pdf" });
    assert.deepEqual(new Uint8Array(server.seen.at(-1)?.body ?? []), bytes);
    assert.equal(server.seen.at(-1)?.headers["content-type"], "application/pdf");
  }
  await documents.upload(Object.assign(new Blob([bytes], { type: "image/png" }), { name: "scan.png" }));
  assert.equal(server.seen.at(-1)?.headers["content-type"], "image/png");
  assert.equal(server.seen.at(-1)?.url, "/api/v1/documents?filename=scan.png");
});

test("running a flow uploads the document and names it; nothing that was not given is sent", async () => {
  await using server = await StandIn.start(json({ id: "doc_1" }), json(run()), json(run({ status: "pending" })));
  const docmill = server.client();
  const handle = await docmill.flows.run("f", new Uint8Array([1]), {
    variables: { units: "SI" },
    priority: "bulk",
    timeLimitMs: 1500,
    idempotencyKey: "k",
  });
  assert.equal(handle.id, "run_1");
  assert.deepEqual(JSON.parse(String(server.seen[1]?.body)), {
    input: { documentId: "doc_1", variables: { units: "SI" } },
    priority: "bulk",
    timeLimit: "1.5s",
    idempotencyKey: "k",
  });
  const second = await docmill.flows.run("f", { documentId: "doc_2" });
  assert.equal(second.run.status, "queued");
  assert.deepEqual(JSON.parse(String(server.seen[2]?.body)), { input: { documentId: "doc_2" } });
});
