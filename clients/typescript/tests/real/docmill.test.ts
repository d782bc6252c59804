import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import {
  AuthenticationError,
  FailedPreconditionError,
  InvalidArgumentError,
  isTerminal,
  NotFoundError,
  type ApiError,
  type RunEvent,
} from "../../src/index.js";
import { all } from "../stand-in.js";
import { brokenWay, example, up, type Running } from "./docmill.js";

interface Invoice {
  invoiceNumber: string;
  total: number;
}

let docmill: Running;
before(async () => {
  docmill = await up();
});
after(async () => {
  await docmill.stop();
});

function gapFree(events: RunEvent[]): void {
  assert.deepEqual(
    events.map((event) => event.sequence),
    events.map((_, index) => index + 1),
  );
  assert.deepEqual(events.filter(isTerminal), events.slice(-1));
}

test("the flows that docmill ships are there", async () => {
  const { flows } = docmill.client();
  const ids = (await all(flows.list())).map((flow) => flow.id);
  assert.ok(ids.includes("invoice-extractor") && ids.includes("document-text"));
  const flow = await flows.get("invoice-extractor", { version: "1.1.0" });
  assert.equal(flow.version, "1.1.0");
  assert.ok(flow.versions.includes("1.2.0"));
  assert.ok(flow.config.supportedFormats.includes("application/pdf"));
  assert.equal(flow.schema.output["type"], "object");
});

test("an invoice goes in, its data comes out, with every event in between", async () => {
  const { flows, runs } = docmill.client();
  const handle = await flows.run<Invoice>("invoice-extractor", example("invoice.pdf"), {
    filename: "invoice.pdf",
    metadata: { ward: "B2", nested: { list: [1, 2.5, null] } },
    priority: "interactive",
    timeLimitMs: 60_000,
  });
  const events = await all(handle.watch());
  gapFree(events);
  assert.equal(events[0]?.kind, "run.accepted");
  assert.equal(events.at(-1)?.kind, "run.succeeded");
  const pages = events.filter((event) => event.kind === "page.done");
  assert.deepEqual(pages.map((event) => event.page?.pageNumber).sort(), [1, 2, 3]);
  assert.deepEqual(pages.map((event) => event.pagesDone), [1, 2, 3]);

  const run = await handle.result({ include: ["evidence"], timeoutMs: 60_000 });
  assert.equal(run.status, "success");
  assert.match(run.output.invoiceNumber, /\S/);
  assert.equal(typeof run.output.total, "number");
  assert.deepEqual(run.metadata, { ward: "B2", nested: { list: [1, 2.5, null] } });
  assert.ok(run.evidence?.some((each) => each.path === "/invoiceNumber" && each.words.length > 0));
  assert.equal(run.metrics?.pageCount, 3);

  assert.deepEqual(await all(runs.watch(run.id, { after: 2 })), events.slice(2));
  assert.deepEqual(await all(runs.watch(run.id, { after: events.length })), []);
  assert.equal((await all(runs.list({ flowId: "invoice-extractor", statuses: ["success"] })))[0]?.id, run.id);
});

test("pages come with words and boxes", async () => {
  const { flows, runs } = docmill.client();
  const { id } = await (await flows.run("document-text", example("receipt.png"))).result({ timeoutMs: 60_000 });
  const [listed] = await all(runs.pages(id));
  assert.equal(listed?.status, "done");
  const page = await runs.page(id, 1);
  assert.equal(page.text?.unit, "pixel");
  const word = page.text?.lines[0]?.words[0];
  assert.ok(word && word.bbox.w > 0 && word.confidence > 0);
});

test("pages come as pictures", async () => {
  const { flows, runs } = docmill.client();
  const { id } = await (await flows.run("document-text", example("receipt.png"))).result({ timeoutMs: 60_000 });
  const image = await runs.pageImage(id, 1, { maxSide: 200 });
  assert.equal(image.type, "image/png");
  assert.deepEqual([...new Uint8Array(await image.arrayBuffer())].slice(1, 4), [..."PNG"].map((c) => c.charCodeAt(0)));
});

test("a document is uploaded as a stream, looked at and used", async () => {
  const { documents, flows } = docmill.client();
  const bytes = example("invoice.pdf");
  const document = await documents.upload(new Blob([new Uint8Array(bytes)]).stream(), {
    filename: "Rechnung Zürich.pdf",
    mimeType: "application/pdf",
  });
  assert.deepEqual([document.filename, document.size], ["Rechnung Zürich.pdf", bytes.length]);
  const run = await (await flows.run("document-text", { documentId: document.id })).result({ timeoutMs: 60_000 });
  assert.equal(run.documentId, document.id);
  const seen = await documents.get(document.id);
  assert.deepEqual([seen.status, seen.pageCount, seen.mimeType], ["ready", 3, "application/pdf"]);
});

test("a document that no run uses can be deleted", async () => {
  const { documents, flows } = docmill.client();
  const { run } = await flows.run("document-text", example("receipt.png"));
  assert.ok(run.documentId);
  await assert.rejects(documents.delete(run.documentId), FailedPreconditionError);
  const other = await documents.upload(new Uint8Array([1, 2, 3]));
  await documents.delete(other.id);
  await assert.rejects(documents.get(other.id), NotFoundError);
});

test("a watch over a way that breaks again and again misses nothing and sees nothing twice", async () => {
  const { id } = await docmill.client().flows.run("invoice-extractor", example("invoice.pdf"));
  const straight = await all(docmill.client().runs.watch(id));
  const way = await brokenWay(docmill.url, 1500); // enough for the snapshot and an event or two
  try {
    const events = await all(docmill.client({ baseUrl: way.url }).runs.watch(id));
    gapFree(events);
    assert.deepEqual(events, straight);
    assert.ok(way.cuts() > 1, `${way.cuts()} cuts`);
  } finally {
    way.close();
  }
});

test("cancelling ends a run at once; one that ended cannot be cancelled", async () => {
  const { flows, runs } = docmill.client();
  const handle = await flows.run("document-text", example("receipt.png"));
  assert.equal((await handle.cancel()).status, "cancelled");
  assert.equal((await all(handle.watch())).at(-1)?.kind, "run.cancelled");
  await assert.rejects(runs.cancel(handle.id), (error: ApiError) => {
    assert.ok(error instanceof FailedPreconditionError);
    assert.equal(error.code, "ALREADY_CANCELLED");
    return true;
  });
});

test("errors say what was wrong", async () => {
  const { flows, runs } = docmill.client();
  await assert.rejects(docmill.client({ apiKey: "nonsense" }).runs.get("run_1"), (error: ApiError) => {
    assert.ok(error instanceof AuthenticationError);
    assert.equal(error.reason, "malformed");
    assert.match(error.requestId, /\S/);
    return true;
  });
  await assert.rejects(flows.get("no-such-flow"), (error: ApiError) => {
    assert.ok(error instanceof NotFoundError);
    assert.equal(error.code, "FLOW_NOT_FOUND");
    return true;
  });
  await assert.rejects(runs.waitForCompletion("run_none"), NotFoundError);
  await assert.rejects(flows.run("document-text", new TextEncoder().encode("plain text")), (error: ApiError) => {
    assert.ok(error instanceof InvalidArgumentError);
    assert.equal(error.code, "INVALID_DOCUMENT");
    return true;
  });
  const { id } = await flows.run("document-text", example("receipt.png"));
  await assert.rejects(all(runs.watch(id, { after: 9999 })), InvalidArgumentError);
});
