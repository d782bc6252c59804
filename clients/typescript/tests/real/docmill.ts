/** A real docmill for the tests: `docmill up` on a fresh folder. */

import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, connect, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { Docmill, type ClientOptions } from "../../src/index.js";

const ROOT = new URL("../../../../../", import.meta.url).pathname; // this file runs from build/tests/real
const START_MS = 90_000;

/** What the repository has to send. */
export function example(name: string): Buffer {
  return readFileSync(join(ROOT, "examples", name));
}

/** A running docmill. */
export interface Running {
  url: string;
  client(options?: Partial<ClientOptions>): Docmill;
  stop(): Promise<void>;
}

/** Start one; `DOCMILL` names another command than that of the repository's environment. */
export async function up(): Promise<Running> {
  const folder = mkdtempSync(join(tmpdir(), "docmill-"));
  const ready = join(folder, "ready.json");
  const program = process.env["DOCMILL"] ?? join(ROOT, ".venv/bin/docmill");
  const addresses = ["--grpc", "127.0.0.1:0", "--rest", "127.0.0.1:0"];
  const child = spawn(program, ["up", "--data", join(folder, "data"), ...addresses, "--ready-file", ready], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let log = "";
  child.stderr.on("data", (text) => (log = (log + String(text)).slice(-4000)));
  const ended = new Promise<void>((resolve) => child.on("exit", () => resolve()));
  const stop = async () => {
    child.kill("SIGTERM");
    await ended;
    rmSync(folder, { recursive: true, force: true });
  };
  for (const since = Date.now(); !existsSync(ready); await pause(50)) {
    if (child.exitCode === null && Date.now() - since < START_MS) continue;
    await stop();
    throw new Error(`docmill does not start:\n${log}`);
  }
  const facts = JSON.parse(readFileSync(ready, "utf8")) as { rest: string; api_key: string };
  const url = `http://${facts.rest}`;
  return { url, stop, client: (options) => new Docmill({ baseUrl: url, apiKey: facts.api_key, ...options }) };
}

/** A bad connection. */
export interface BrokenWay {
  url: string;
  /** How often it broke. */
  cuts(): number;
  close(): void;
}

/** A way to `target` that breaks off every connection after some bytes of answer. */
export async function brokenWay(target: string, bytes: number): Promise<BrokenWay> {
  let cuts = 0;
  const { hostname, port } = new URL(target);
  const server = createServer((near) => {
    const far = connect(Number(port), hostname);
    let left = bytes;
    near.pipe(far);
    far.on("data", (chunk: Buffer) => {
      near.write(chunk.subarray(0, left));
      left -= chunk.length;
      if (left > 0) return;
      cuts += 1;
      far.destroy();
      near.destroySoon();
    });
    far.on("end", () => near.end());
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      one.on("error", () => other.destroy());
      one.on("close", () => other.destroySoon());
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, cuts: () => cuts, close: () => void server.close() };
}
