/** Calls over HTTP: where they go, how long they take, what is tried again, and what their errors become. */

import { Deadline, sleep } from "./deadline.js";
import { ConnectionFailedError, DocmillError, errorOf, UnavailableError } from "./errors.js";

/** Where docmill is, and how patient the client is. */
export interface ClientOptions {
  /** Where the gateway is, e.g. `https://docmill.example.com`. */
  baseUrl: string;
  /** The key, e.g. `dc_live_...`. */
  apiKey: string;
  /** Milliseconds a call may take (30,000). Uploads, watches and waits have limits of their own. */
  timeoutMs?: number;
  /** Milliseconds a watch tries to get a broken connection back (60,000). */
  reconnectTimeoutMs?: number;
  /** Used in place of the global `fetch`. */
  fetch?: typeof globalThis.fetch;
}

/** What any call takes. */
export interface CallOptions {
  /** Ends the call; it then throws the signal's reason. */
  signal?: AbortSignal | undefined;
}

/** Parameters of a URL; undefined ones are left out. */
export type Query = Readonly<Record<string, string | number | undefined>>;

/** One request. */
export interface Request extends CallOptions {
  method?: "GET" | "POST" | "DELETE";
  /** Below `/api/v1`, encoded. */
  path: string;
  query?: Query;
  /** Sent as JSON. */
  json?: unknown;
  /** Sent as it is, under `contentType`. */
  body?: BodyInit;
  contentType?: string;
  headers?: Record<string, string>;
  timeoutMs?: number | undefined;
}

const TIMEOUT_MS = 30_000;
const RECONNECT_TIMEOUT_MS = 60_000;
const ATTEMPTS = 3;
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 5_000;

/** Milliseconds before attempt number `attempt` (from 1), longer each time, and never quite the same. */
export function pauseBefore(attempt: number): number {
  return Math.min(FIRST_PAUSE_MS * 2 ** (attempt - 1), LONGEST_PAUSE_MS) * (0.5 + Math.random() / 2);
}

/** One docmill, as seen from here. */
export class Transport {
  readonly reconnectTimeoutMs: number;
  readonly #base: string;
  readonly #apiKey: string;
  readonly #timeoutMs: number;
  readonly #fetch: typeof globalThis.fetch;

  constructor(options: ClientOptions) {
    const base = new URL(options.baseUrl);
    if (!/^https?:$/.test(base.protocol)) throw new TypeError(`baseUrl must be http or https: ${options.baseUrl}`);
    if (!options.apiKey) throw new TypeError("apiKey is missing");
    this.#base = `${base.origin}${base.pathname.replace(/\/+$/, "")}`;
    this.#apiKey = options.apiKey;
    this.#timeoutMs = options.timeoutMs ?? TIMEOUT_MS;
    this.reconnectTimeoutMs = options.reconnectTimeoutMs ?? RECONNECT_TIMEOUT_MS;
    this.#fetch = options.fetch ?? globalThis.fetch.bind(globalThis);
  }

  /** The answer's JSON. A GET that finds nobody, or a docmill that is away for a moment, is tried again. */
  async json<T>(request: Request): Promise<T> {
    return this.#read(request, async (response) => {
      try {
        return (await response.json()) as T;
      } catch (error) {
        if (error instanceof SyntaxError) throw this.#stranger(error);
        throw error;
      }
    });
  }

  /** The answer's bytes; tried again as `json` does. */
  async bytes(request: Request): Promise<Blob> {
    return this.#read(request, (response) => response.blob());
  }

  /** An answer whose body is read as it comes, for as long as `deadline` allows. */
  async open(request: Request, deadline: Deadline): Promise<Response> {
    const response = await this.#answer(request, deadline.signal);
    if (!response.ok) throw await errorOf(response);
    return response;
  }

  /** What a fetch or the reading of its body threw, as a user gets it. */
  failure(error: unknown, request: CallOptions, deadline: Deadline): unknown {
    if (error instanceof DocmillError) return error;
    if (request.signal?.aborted) return request.signal.reason;
    const why = deadline.expired ? "it does not answer any more" : wordsOf(error);
    return new ConnectionFailedError(`cannot reach docmill at ${this.#base}: ${why}`, "", {}, { cause: error });
  }

  /** Something answers that is not docmill. */
  stranger(): ConnectionFailedError {
    return this.#stranger(undefined);
  }

  async #read<T>(request: Request, read: (response: Response) => Promise<T>): Promise<T> {
    const repeatable = (request.method ?? "GET") === "GET";
    for (let attempt = 1; ; attempt += 1) {
      const deadline = new Deadline(request.timeoutMs ?? this.#timeoutMs, request.signal);
      try {
        return await read(await this.open(request, deadline));
      } catch (error) {
        const failure = this.failure(error, request, deadline);
        const mayHelp = failure instanceof ConnectionFailedError || failure instanceof UnavailableError;
        if (!repeatable || !mayHelp || deadline.expired || attempt === ATTEMPTS) throw failure;
      } finally {
        deadline.close();
      }
      await sleep(pauseBefore(attempt), request.signal);
    }
  }

  async #answer(request: Request, signal: AbortSignal): Promise<Response> {
    const headers: Record<string, string> = {
      Authorization: `Bearer ${this.#apiKey}`,
      Accept: "application/json",
      ...request.headers,
    };
    const init: RequestInit & { duplex?: "half" } = { method: request.method ?? "GET", headers, signal };
    if (request.json !== undefined) {
      headers["Content-Type"] = "application/json";
      init.body = JSON.stringify(request.json);
    } else if (request.body !== undefined) {
      if (request.contentType) headers["Content-Type"] = request.contentType;
      init.body = request.body;
      if (request.body instanceof ReadableStream) init.duplex = "half"; // fetch asks for it
    }
    return this.#fetch(this.#url(request), init);
  }

  #url({ path, query = {} }: Request): string {
    const given = Object.entries(query).flatMap(([name, value]) =>
      value === undefined || value === "" ? [] : [[name, String(value)] as [string, string]],
    );
    const search = new URLSearchParams(given).toString();
    return `${this.#base}/api/v1${path}${search && `?${search}`}`;
  }

  #stranger(cause: unknown): ConnectionFailedError {
    return new ConnectionFailedError(`what answers at ${this.#base} is not docmill`, "", {}, { cause });
  }
}

/** fetch says "fetch failed"; why is in its cause. */
function wordsOf(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  return cause instanceof Error ? cause.message || cause.name : String(cause);
}
