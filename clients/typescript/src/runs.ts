import { Deadline } from "./deadline.js";
import { RunCancelledError, RunFailedError, WaitTimeoutError } from "./errors.js";
import { listed } from "./lists.js";
import type { CallOptions, Transport } from "./transport.js";
import type { Page, Run, RunEvent, RunStatus } from "./types.js";
import { Watch, type WatchOptions } from "./watch.js";

/** What to add to a run. */
export interface GetRunOptions extends CallOptions {
  /** `evidence`: where each value of the output was read; `artifacts`: what the steps made; `metrics`: per step. */
  include?: readonly ("evidence" | "artifacts" | "metrics")[];
}

/** Which runs to list: those that fulfil every condition given. */
export interface ListRunsOptions extends CallOptions {
  flowId?: string;
  statuses?: readonly RunStatus[];
  /** At this time or later. */
  createdAfter?: Date;
  createdBefore?: Date;
  /** `name=value`, or `name` for any value. */
  label?: string;
}

/** How long to wait for a run. */
export interface WaitOptions extends GetRunOptions {
  /** Milliseconds; as long as it takes when absent. */
  timeoutMs?: number;
}

/** Documents going through flows. */
export class Runs {
  constructor(private readonly transport: Transport) {}

  /** A run as it is now, with its output once it succeeded. */
  async get<Output = unknown>(runId: string, options: GetRunOptions = {}): Promise<Run<Output>> {
    const query = { include: options.include?.join(",") };
    return runOf(await this.transport.json<Run<Output>>({ path: pathOf(runId), query, signal: options.signal }));
  }

  /** Runs, newest first, without their outputs; drawn from the server as needed. */
  async *list(options: ListRunsOptions = {}): AsyncGenerator<Run, void, void> {
    const query = {
      flowId: options.flowId,
      status: options.statuses?.join(","),
      createdAfter: options.createdAfter?.toISOString(),
      createdBefore: options.createdBefore?.toISOString(),
      label: options.label,
    };
    for await (const run of listed<Run>(this.transport, { path: "/runs", query, signal: options.signal })) {
      yield runOf(run);
    }
  }

  /**
   * The events of a run after a number, each once and in order, until the last one.
   *
   * A broken connection is opened again and the watch resumes where it was, for as long as the client's
   * `reconnectTimeoutMs`; a `ConnectionFailedError` says that it did not come back.
   */
  watch(runId: string, options: WatchOptions = {}): AsyncGenerator<RunEvent, void, void> {
    return new Watch(this.transport, runId, options).events();
  }

  /** Wait until a run ended, however it ended, and give it. `WaitTimeoutError` after `timeoutMs`; the run goes on. */
  async waitForCompletion<Output = unknown>(runId: string, options: WaitOptions = {}): Promise<Run<Output>> {
    const deadline = new Deadline(options.timeoutMs, options.signal);
    try {
      const events = this.watch(runId, { signal: deadline.signal });
      while (!(await events.next()).done); // only the end matters
    } catch (error) {
      if (!deadline.expired) throw error;
      throw new WaitTimeoutError(`run ${runId} did not end within ${options.timeoutMs} ms; it goes on`);
    } finally {
      deadline.close();
    }
    return this.get<Output>(runId, options);
  }

  /** Cancel a run that has not ended; no page starts afterwards. One that ended: `FailedPreconditionError`. */
  async cancel(runId: string, options: CallOptions = {}): Promise<Run> {
    const path = `${pathOf(runId)}/cancel`;
    return runOf(await this.transport.json<Run>({ method: "POST", path, signal: options.signal }));
  }

  /** The pages of a run in order, without their text; drawn from the server as needed. */
  pages(runId: string, options: CallOptions = {}): AsyncGenerator<Page, void, void> {
    return listed<Page>(this.transport, { path: `${pathOf(runId)}/pages`, signal: options.signal });
  }

  /** A page of a run, from 1, with its text once it was read. */
  async page(runId: string, number: number, options: CallOptions = {}): Promise<Page> {
    return this.transport.json<Page>({ path: `${pathOf(runId)}/pages/${number}`, signal: options.signal });
  }

  /**
   * The picture of a page as PNG, standing as its boxes do: times picture width / page width, they fit. The longest side
   * has at most `maxSide` pixels (2000).
   */
  async pageImage(runId: string, number: number, options: CallOptions & { maxSide?: number } = {}): Promise<Blob> {
    const path = `${pathOf(runId)}/pages/${number}/image`;
    return this.transport.bytes({ path, query: { maxSide: options.maxSide }, signal: options.signal });
  }

  /** A handle on a run that was started elsewhere. */
  handle<Output = unknown>(run: Run<Output>): RunHandle<Output> {
    return new RunHandle<Output>(this, run);
  }
}

/** A run that was started: watch it, wait for it, cancel it. */
export class RunHandle<Output = unknown> {
  constructor(
    private readonly runs: Runs,
    /** As it was when it was started. */
    readonly run: Run<Output>,
  ) {}

  get id(): string {
    return this.run.id;
  }

  /** Its events, see `runs.watch`. */
  watch(options: WatchOptions = {}): AsyncGenerator<RunEvent, void, void> {
    return this.runs.watch(this.id, options);
  }

  /**
   * Wait for its end and give the run with its output.
   *
   * Throws `RunFailedError` or `RunCancelledError` if it ended otherwise, `WaitTimeoutError` after `timeoutMs`.
   */
  async result(options: WaitOptions = {}): Promise<Run<Output> & { output: Output }> {
    const run = await this.runs.waitForCompletion<Output>(this.id, options);
    if (run.status === "failed") throw new RunFailedError(run);
    if (run.status === "cancelled") throw new RunCancelledError(run);
    return run as Run<Output> & { output: Output };
  }

  /** Cancel it, see `runs.cancel`. */
  async cancel(options: CallOptions = {}): Promise<Run> {
    return this.runs.cancel(this.id, options);
  }
}

/** A server may be set to the other words that the surface's documents have for two of the states. */
const WORDS: Readonly<Record<string, RunStatus>> = { pending: "queued", completed: "success" };

/** A run in this client's words. */
export function runOf<Output>(run: Run<Output>): Run<Output> {
  return { ...run, status: WORDS[run.status] ?? run.status };
}

function pathOf(runId: string): string {
  return `/runs/${encodeURIComponent(runId)}`;
}
