/** One signal out of a time limit and a signal of the caller's. Close it when the work is done. */
export class Deadline {
  /** Whether the time passed; false when the caller's signal was first. */
  expired = false;
  readonly #controller = new AbortController();
  readonly #outer: AbortSignal | undefined;
  readonly #onAbort = () => this.#controller.abort(this.#outer?.reason);
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(ms: number | undefined, outer?: AbortSignal) {
    this.#outer = outer;
    if (outer?.aborted) this.#onAbort();
    outer?.addEventListener("abort", this.#onAbort, { once: true });
    this.restart(ms);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** From now on there are `ms` milliseconds; undefined means as long as it takes. */
  restart(ms: number | undefined): void {
    clearTimeout(this.#timer);
    if (ms === undefined || this.signal.aborted) return;
    this.#timer = setTimeout(() => {
      this.expired = true;
      this.#controller.abort(new Error(`nothing came for ${ms} ms`));
    }, ms);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#outer?.removeEventListener("abort", this.#onAbort);
  }
}

/** Return after `ms` milliseconds; throws the signal's reason when that is aborted before. */
export async function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted();
  let wake = () => {};
  const timer = setTimeout(() => wake(), ms);
  try {
    await new Promise<void>((resolve) => {
      wake = resolve;
      signal?.addEventListener("abort", wake, { once: true });
    });
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", wake);
  }
  signal?.throwIfAborted();
}
