import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import * as surface from "../src/index.js";
import type { Docmill, Run, RunEvent } from "../src/index.js";

const SOURCES = new URL("../../src/", import.meta.url);

test("the exports are these and no others", () => {
  assert.deepEqual(Object.keys(surface).sort(), [
    "ApiError",
    "AuthenticationError",
    "ConflictError",
    "ConnectionFailedError",
    "DeadlineExceededError",
    "Docmill",
    "DocmillError",
    "Documents",
    "FailedPreconditionError",
    "Flows",
    "InvalidArgumentError",
    "NotFoundError",
    "PaymentRequiredError",
    "PermissionDeniedError",
    "ResourceExhaustedError",
    "RunCancelledError",
    "RunFailedError",
    "RunHandle",
    "Runs",
    "ServerError",
    "UnavailableError",
    "UnsupportedError",
    "WaitTimeoutError",
    "WebhookVerificationError",
    "isTerminal",
    "verifyWebhook",
  ]);
});

test("it needs nothing but the language and the web's own functions", () => {
  const manifest = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as object;
  assert.ok(!("dependencies" in manifest) && !("peerDependencies" in manifest));
  for (const name of readdirSync(SOURCES)) {
    const imports = [...readFileSync(new URL(name, SOURCES), "utf8").matchAll(/from "([^"]+)"/g)];
    for (const [, from] of imports) assert.match(from ?? "", /^\.\//, `${name} imports ${from}`);
  }
});

/** Never called: the compiler reads it, and an error that does not come is an error. */
export async function typed(docmill: Docmill): Promise<void> {
  interface Invoice {
    total: number;
  }
  const handle = await docmill.flows.run<Invoice>("invoice-extractor", new Blob());
  const total: number = (await handle.result()).output.total;
  const run: Run<Invoice> = await docmill.runs.get<Invoice>("run_1");
  // @ts-expect-error - the output may be absent before the run succeeded
  void run.output.total;
  for await (const event of handle.watch()) {
    const known: RunEvent = event;
    // @ts-expect-error - not every event is about a page
    void known.page.pageNumber;
  }
  // @ts-expect-error - there is no such state
  docmill.runs.list({ statuses: ["done"] });
  // @ts-expect-error - a path is no document
  await docmill.flows.run("f", "invoice.pdf");
  void total;
}
