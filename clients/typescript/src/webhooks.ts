/** For receivers of webhooks: is this from docmill, and is it new? */

import { WebhookVerificationError } from "./errors.js";
import type { Run } from "./types.js";

/** What a webhook says. */
export interface WebhookEvent<Output = unknown> {
  event: "execution.completed" | "execution.failed" | "execution.cancelled" | (string & {});
  /** When this attempt to deliver it was made. */
  timestamp: string;
  data: Run<Output>;
}

/** Headers of a request: `Headers`, or an object as Node's `http` has it. */
export type WebhookHeaders = Headers | Readonly<Record<string, string | readonly string[] | undefined>>;

const MAX_AGE_SECONDS = 300;
const FUTURE_SECONDS = 60; // clocks differ

/**
 * The webhook, if every signature it came with is right and it was sent at most `maxAgeSeconds` (300) ago.
 *
 * `body` is what came over the wire, byte by byte: JSON that was parsed and written again is another body. Known are
 * `webhook-signature` (https://www.standardwebhooks.com) and `X-Doclo-Signature`; at least one must be there. The same
 * delivery may come more than once: its `webhook-id` tells. Throws `WebhookVerificationError`.
 */
export async function verifyWebhook<Output = unknown>(
  body: string | Uint8Array | ArrayBuffer,
  headers: WebhookHeaders,
  secret: string,
  options: { maxAgeSeconds?: number } = {},
): Promise<WebhookEvent<Output>> {
  const bytes = bytesOf(body);
  const standard = headerOf(headers, "webhook-signature");
  const plain = headerOf(headers, "x-doclo-signature");
  const maxAge = options.maxAgeSeconds ?? MAX_AGE_SECONDS;
  if (!secret || (standard === undefined && plain === undefined)) {
    throw new WebhookVerificationError("there is no signature, or no secret to check it with");
  }
  if (standard !== undefined) await checkStandard(bytes, headers, standard, secret, maxAge);
  if (plain !== undefined) await checkPlain(bytes, plain, secret);
  const event = eventOf<Output>(bytes);
  if (standard === undefined) checkAge(timeOf(event.timestamp), maxAge); // only the body says when it was sent
  return event;
}

async function checkPlain(body: Uint8Array, signature: string, secret: string): Promise<void> {
  const hex = /^sha256=([0-9a-f]{64})$/.exec(signature)?.[1];
  const bytes = Uint8Array.from(hex?.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
  if (!(await verified(new TextEncoder().encode(secret), bytes, body))) {
    throw new WebhookVerificationError("the signature in X-Doclo-Signature is not right");
  }
}

async function checkStandard(
  body: Uint8Array,
  headers: WebhookHeaders,
  signatures: string,
  secret: string,
  maxAge: number,
): Promise<void> {
  const stamp = headerOf(headers, "webhook-timestamp") ?? "";
  const head = new TextEncoder().encode(`${headerOf(headers, "webhook-id") ?? ""}.${stamp}.`);
  const signed = new Uint8Array(head.length + body.length);
  signed.set(head);
  signed.set(body, head.length);
  const key = keyOf(secret);
  let right = false;
  for (const signature of signatures.split(" ")) {
    const [version, encoded] = signature.split(",");
    const bytes = version === "v1" ? decoded(encoded ?? "") : undefined;
    right ||= bytes !== undefined && (await verified(key, bytes, signed));
  }
  if (!right) throw new WebhookVerificationError("the signature in webhook-signature is not right");
  checkAge(/^\d+$/.test(stamp) ? Number(stamp) : Number.NaN, maxAge);
}

/** The key of the Standard Webhooks signature: base64 after `whsec_`, else the secret itself. */
function keyOf(secret: string): Uint8Array {
  const encoded = secret.startsWith("whsec_") ? decoded(secret.slice("whsec_".length)) : undefined;
  return encoded?.length ? encoded : new TextEncoder().encode(secret);
}

function decoded(base64: string): Uint8Array | undefined {
  try {
    return Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
  } catch {
    return undefined;
  }
}

/** HMAC-SHA256 by WebCrypto, which compares in constant time. */
async function verified(key: Uint8Array, signature: Uint8Array, data: Uint8Array): Promise<boolean> {
  const { subtle } = await webcrypto();
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const imported = await subtle.importKey("raw", key as BufferSource, algorithm, false, ["verify"]);
  return subtle.verify(algorithm, imported, signature as BufferSource, data as BufferSource);
}

/** Node 18 has it, but not under its global name. */
async function webcrypto(): Promise<Crypto> {
  if (globalThis.crypto) return globalThis.crypto;
  const module = "node:crypto"; // not a literal in the import: bundlers for browsers would look for it
  return ((await import(module)) as { webcrypto: Crypto }).webcrypto;
}

function checkAge(sent: number, maxAge: number): void {
  if (Number.isNaN(sent)) throw new WebhookVerificationError("the webhook does not say when it was sent");
  const age = Date.now() / 1000 - sent;
  if (age > maxAge || age < -FUTURE_SECONDS) {
    throw new WebhookVerificationError(`the webhook was sent ${Math.round(age)} seconds ago`);
  }
}

/** Seconds since 1970 of an ISO 8601 text that names its zone; NaN for anything else. */
function timeOf(text: unknown): number {
  return typeof text === "string" && /T.*(Z|[+-]\d\d:\d\d)$/.test(text) ? Date.parse(text) / 1000 : Number.NaN;
}

function eventOf<Output>(body: Uint8Array): WebhookEvent<Output> {
  let event: unknown;
  try {
    event = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch {
    // as below
  }
  if (typeof event !== "object" || event === null || Array.isArray(event)) {
    throw new WebhookVerificationError("the body is no JSON object");
  }
  return event as WebhookEvent<Output>;
}

function bytesOf(body: string | Uint8Array | ArrayBuffer): Uint8Array {
  if (typeof body === "string") return new TextEncoder().encode(body);
  return body instanceof Uint8Array ? body : new Uint8Array(body);
}

function headerOf(headers: WebhookHeaders, name: string): string | undefined {
  if (headers instanceof Headers) return headers.get(name) ?? undefined;
  const found = Object.entries(headers).find(([key]) => key.toLowerCase() === name)?.[1];
  return typeof found === "string" ? found : found?.[0];
}
