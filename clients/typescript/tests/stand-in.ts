/** A server that does what a test says: for what a real docmill does seldom, such as breaking off. */

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Docmill, type ClientOptions } from "../src/index.js";

/** A request as it came. */
export interface Seen {
  method: string;
  /** With the query. */
  url: string;
  headers: IncomingMessage["headers"];
  body: Buffer;
}

export type Answer = (response: ServerResponse, seen: Seen) => void | Promise<void>;

/** Listens until `close`; answers the n-th request with the n-th answer, and all later ones with the last. */
export class StandIn implements AsyncDisposable {
  readonly seen: Seen[] = [];
  /** Connections that the client closed before they were answered. */
  left = 0;
  /** Where it is, or was. */
  url = "";
  readonly #server;

  private constructor(answers: readonly Answer[]) {
    this.#server = createServer((request, response) => {
      void this.#answer(request, response, answers);
    });
  }

  static async start(...answers: Answer[]): Promise<StandIn> {
    const standIn = new StandIn(answers);
    await new Promise<void>((resolve) => standIn.#server.listen(0, "127.0.0.1", resolve));
    standIn.url = `http://127.0.0.1:${(standIn.#server.address() as AddressInfo).port}`;
    return standIn;
  }

  /** A client of it. */
  client(options: Partial<ClientOptions> = {}): Docmill {
    return new Docmill({ baseUrl: this.url, apiKey: "dc_test_key", ...options });
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #answer(request: IncomingMessage, response: ServerResponse, answers: readonly Answer[]): Promise<void> {
    response.on("close", () => {
      if (!response.writableEnded) this.left += 1;
    });
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const seen = {
      method: request.method ?? "",
      url: request.url ?? "",
      headers: request.headers,
      body: Buffer.concat(chunks),
    };
    const answer = answers[Math.min(this.seen.push(seen), answers.length) - 1];
    await answer?.(response, seen);
  }
}

/** JSON with a status. */
export function json(body: unknown, status = 200, headers: Record<string, string> = {}): Answer {
  return (response) => {
    response.writeHead(status, { "content-type": "application/json", ...headers });
    response.end(JSON.stringify(body));
  };
}

/** The documented envelope of an error. */
export function refusal(status: number, code: string, details = {}, headers: Record<string, string> = {}): Answer {
  return json({ error: { code, message: `${code} it is`, details } }, status, headers);
}

/** Hangs up without a word. */
export const reset: Answer = (response) => {
  response.destroy();
};

/** Never answers. */
export const silence: Answer = () => {};

/** An event as docmill writes it. */
export function event(sequence: number, kind: string, facts: object = {}): string {
  const data = { sequence, kind, at: "2026-06-01T09:00:00.120Z", ...facts };
  return `id: ${sequence}\nevent: ${kind}\ndata: ${JSON.stringify(data)}\n\n`;
}

/** A stream of events; then it ends in order, is cut off, or stays open. */
export function events(text: string, then: "end" | "cut" | "stay" = "end"): Answer {
  return (response) => {
    response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8" });
    response.write(`retry: 1000\n\nevent: snapshot\ndata: {"sequence":0,"kind":"snapshot","run":{}}\n\n${text}`, () => {
      if (then === "end") response.end();
      if (then === "cut") response.destroy();
    });
  };
}

/** 204: nothing follows. */
export const nothing: Answer = (response) => {
  response.writeHead(204).end();
};

/** A run on the wire. */
export function run(facts: object = {}): object {
  const createdAt = "2026-06-01T09:00:00.120Z";
  return { id: "run_1", flowId: "f", version: "1.0.0", status: "queued", createdAt, ...facts };
}

/** Everything that a generator gives. */
export async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}
