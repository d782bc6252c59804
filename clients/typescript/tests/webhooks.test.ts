import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test } from "node:test";
import { verifyWebhook, WebhookVerificationError, type WebhookHeaders } from "../src/index.js";

const SECRET = "a-secret-of-ours";
const now = () => Math.floor(Date.now() / 1000);
const bodyAt = (seconds: number) =>
  JSON.stringify({
    event: "execution.completed",
    timestamp: new Date(seconds * 1000).toISOString(),
    data: { id: "run_1", status: "success", output: { name: "Zürich" } },
  });
const plain = (body: string, secret = SECRET) => `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`;
const standard = (id: string, stamp: number | string, body: string, key: string | Buffer) =>
  `v1,${createHmac("sha256", key).update(`${id}.${stamp}.${body}`).digest("base64")}`;

async function refused(body: string, headers: WebhookHeaders, why: RegExp, secret = SECRET): Promise<void> {
  await assert.rejects(verifyWebhook(body, headers, secret), (error: Error) => {
    assert.ok(error instanceof WebhookVerificationError);
    assert.match(error.message, why);
    return true;
  });
}

test("a webhook signed with X-Doclo-Signature is given back, as text or bytes, under any form of headers", async () => {
  const body = bodyAt(now());
  const bytes = new TextEncoder().encode(body);
  for (const given of [body, bytes, bytes.buffer, Buffer.from(body)]) {
    for (const headers of [
      { "X-Doclo-Signature": plain(body) },
      { "x-doclo-signature": [plain(body)] },
      new Headers({ "x-doclo-signature": plain(body) }),
    ]) {
      const event = await verifyWebhook<{ name: string }>(given, headers, SECRET);
      assert.equal(event.event, "execution.completed");
      assert.equal(event.data.output?.name, "Zürich");
    }
  }
});

test("a signature that is not exactly right is refused", async () => {
  const body = bodyAt(now());
  const right = plain(body);
  const wrong = [
    plain(`${body} `),
    plain(body, "another"),
    right.toUpperCase(),
    right.replace("sha256=", ""),
    `${right} `,
    `${right},${right}`,
    "sha256=",
    "",
  ];
  for (const signature of wrong) await refused(body, { "x-doclo-signature": signature }, /X-Doclo-Signature/);
  await refused(body.replace("run_1", "run_2"), { "x-doclo-signature": right }, /X-Doclo-Signature/);
});

test("without a signature or a secret nothing is believed", async () => {
  const body = bodyAt(now());
  await refused(body, {}, /no signature/);
  await refused(body, { "x-doclo-signature": undefined }, /no signature/);
  await refused(body, { "x-doclo-signature": plain(body) }, /no secret/, "");
});

test("a webhook that is old, or of tomorrow, is refused: somebody sends it again", async () => {
  for (const [age, fresh] of [
    [290, true],
    [310, false],
    [-50, true],
    [-70, false],
  ] as const) {
    const body = bodyAt(now() - age);
    const headers = { "x-doclo-signature": plain(body) };
    if (fresh) await verifyWebhook(body, headers, SECRET);
    else await refused(body, headers, /seconds ago/);
  }
  const old = bodyAt(now() - 3000);
  await verifyWebhook(old, { "x-doclo-signature": plain(old) }, SECRET, { maxAgeSeconds: 4000 });
});

test("a webhook that does not say when it was sent is refused", async () => {
  for (const timestamp of [undefined, 1750000000, "yesterday", "2026-06-01", "2026-06-01T09:00:00"]) {
    const body = JSON.stringify({ event: "execution.completed", timestamp, data: {} });
    await refused(body, { "x-doclo-signature": plain(body) }, /when it was sent/);
  }
  for (const body of ["[]", "null", "text", '"x"']) {
    await refused(body, { "x-doclo-signature": plain(body) }, /no JSON object/);
  }
});

test("Standard Webhooks: any of the signatures, with the secret's own bytes or those that whsec_ encodes", async () => {
  const key = Buffer.from("0123456789abcdef0123456789");
  const body = bodyAt(now() - 3000); // its header counts
  for (const [secret, bytes] of [
    [SECRET, Buffer.from(SECRET)],
    [`whsec_${key.toString("base64")}`, key],
    [`whsec_${key.toString("base64").replace(/=+$/, "")}`, key],
  ] as const) {
    const stamp = now();
    const signature = standard("msg_1", stamp, body, bytes);
    for (const signatures of [signature, `v1,AAAA ${signature}`, `v1a,AAAA v2,x ${signature}`]) {
      const headers = { "webhook-id": "msg_1", "webhook-timestamp": String(stamp), "webhook-signature": signatures };
      assert.equal((await verifyWebhook(body, headers, secret)).data.id, "run_1");
      await refused(body, { ...headers, "webhook-id": "msg_2" }, /webhook-signature/, secret);
      await refused(`${body} `, headers, /webhook-signature/, secret);
    }
  }
});

test("Standard Webhooks: the example of its specification", async () => {
  const headers = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": "1614265330",
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
  };
  const body = '{"test": 2432232314}';
  const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
  const event: object = await verifyWebhook(body, headers, secret, { maxAgeSeconds: Number.POSITIVE_INFINITY });
  assert.deepEqual(event, { test: 2432232314 });
});

test("Standard Webhooks: a stamp that is old, missing or no number is refused", async () => {
  const body = bodyAt(now());
  for (const [stamp, why] of [
    [String(now() - 310), /seconds ago/],
    [String(now() + 70), /seconds ago/],
    ["", /when it was sent/],
    ["soon", /when it was sent/],
    ["-1", /when it was sent/],
  ] as const) {
    const signature = standard("msg_1", stamp, body, SECRET);
    const headers = { "webhook-id": "msg_1", "webhook-timestamp": stamp, "webhook-signature": signature };
    await refused(body, headers, why);
  }
});

test("of two signatures both must be right", async () => {
  const body = bodyAt(now());
  const stamp = now();
  const right = {
    "webhook-id": "m",
    "webhook-timestamp": String(stamp),
    "webhook-signature": standard("m", stamp, body, SECRET),
    "x-doclo-signature": plain(body),
  };
  await verifyWebhook(body, right, SECRET);
  await refused(body, { ...right, "x-doclo-signature": plain(body, "another") }, /X-Doclo-Signature/);
  await refused(body, { ...right, "webhook-signature": "v1,AAAA" }, /webhook-signature/);
});
