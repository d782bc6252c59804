/**
 * A watch that survives broken connections: it resumes after the last event it gave.
 *
 * The server numbers the events of a run without gaps and replays them from any number on, so the number is all there
 * is to remember.
 */

import { Deadline, sleep } from "./deadline.js";
import { ConnectionFailedError, DocmillError } from "./errors.js";
import { itemsOf } from "./sse.js";
import { pauseBefore, type CallOptions, type Request, type Transport } from "./transport.js";
import type { RunEvent } from "./types.js";

/** Milliseconds without any byte after which a connection counts as broken; a live server speaks every 15 s. */
const SILENCE_MS = 45_000;

const LAST = new Set(["run.succeeded", "run.failed", "run.cancelled"]);

/** Whether an event is the last one of its run. */
export function isTerminal(event: RunEvent): boolean {
  return LAST.has(event.kind);
}

/** How to watch. */
export interface WatchOptions extends CallOptions {
  /** The highest sequence seen; events after it follow. */
  after?: number;
}

/** The events of one run, each once and in order, over as many connections as it takes. */
export class Watch {
  #cursor: number;
  /** When the connection broke; undefined while news come in. */
  #lostAt: number | undefined;
  /** Whether docmill ever answered: an address that never did is an error at once. */
  #greeted = false;
  #ended = false;
  #attempt = 0;

  constructor(
    private readonly transport: Transport,
    private readonly runId: string,
    private readonly options: WatchOptions,
    private readonly silenceMs: number = SILENCE_MS,
  ) {
    this.#cursor = options.after ?? 0;
  }

  async *events(): AsyncGenerator<RunEvent, void, void> {
    while (!this.#ended) {
      let error: unknown;
      const deadline = new Deadline(this.silenceMs, this.options.signal);
      try {
        yield* this.#stream(deadline);
      } catch (thrown) {
        error = this.transport.failure(thrown, this.options, deadline);
      } finally {
        deadline.close();
      }
      if (!this.#ended) await this.#resumeAfter(error);
    }
  }

  async *#stream(deadline: Deadline): AsyncGenerator<RunEvent, void, void> {
    const response = await this.transport.open(this.#request(), deadline);
    if (response.status === 204) {
      this.#ended = true; // after the last event there is nothing
      return;
    }
    if (!response.body || !response.headers.get("content-type")?.startsWith("text/event-stream")) {
      throw this.transport.stranger();
    }
    this.#greeted = true;
    for await (const item of itemsOf(response.body, () => deadline.restart(this.silenceMs))) {
      if (item.comment) {
        this.#lostAt = undefined;
      } else if (item.event !== "snapshot") {
        const event = this.#take(item.data);
        if (event) {
          deadline.restart(undefined); // the reader may take its time
          yield event;
          deadline.restart(this.silenceMs);
        }
        if (this.#ended) return;
      }
    }
  }

  #request(): Request {
    const headers: Record<string, string> = { Accept: "text/event-stream" };
    if (this.#cursor > 0) headers["Last-Event-ID"] = String(this.#cursor);
    return { path: `/runs/${encodeURIComponent(this.runId)}/events`, headers, signal: this.options.signal };
  }

  #take(data: string): RunEvent | undefined {
    const event = eventOf(data);
    if (event.sequence <= this.#cursor) return undefined;
    this.#cursor = event.sequence;
    this.#lostAt = undefined;
    this.#attempt = 0;
    this.#ended = isTerminal(event);
    return event;
  }

  /** Return when the stream shall be opened again; throws when that cannot help or took too long. */
  async #resumeAfter(error: unknown): Promise<void> {
    const mayHelp = error === undefined || (this.#greeted && error instanceof DocmillError && error.retryable);
    if (!mayHelp) throw error;
    const now = Date.now();
    this.#lostAt ??= now;
    if (now - this.#lostAt > this.transport.reconnectTimeoutMs) {
      throw error ?? new ConnectionFailedError("docmill ends every watch early");
    }
    this.#attempt += 1;
    await sleep(pauseBefore(this.#attempt), this.options.signal);
  }
}

function eventOf(data: string): RunEvent {
  try {
    const event = JSON.parse(data) as RunEvent;
    if (Number.isSafeInteger(event.sequence) && typeof event.kind === "string") return event;
  } catch {
    // as below
  }
  throw new ConnectionFailedError("the connection broke in the middle of an event");
}
