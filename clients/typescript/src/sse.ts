/** Server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html), read from a fetch. */

/** A message, or a comment: a sign of life. */
export type Item = { comment: true } | { comment: false; event: string; data: string };

/** Characters of one message; more is no message of docmill's. */
const MAX_MESSAGE = 16 * 1024 * 1024;

/** The items of a body, as they come. `heard` is called for any bytes. */
export async function* itemsOf(body: ReadableStream<Uint8Array>, heard: () => void): AsyncGenerator<Item, void, void> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  const parser = new Parser();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      heard();
      yield* parser.push(decoder.decode(value, { stream: true }));
    }
  } finally {
    await reader.cancel().catch(() => {}); // it may be broken
  }
}

/** Text in pieces of any size to items. */
export class Parser {
  #rest = "";
  #skipNewline = false;
  #event = "";
  #data: string[] = [];
  #size = 0;

  /** The items that `text` completes. RangeError when a message is too large. */
  *push(text: string): Generator<Item, void, void> {
    if (text === "") return;
    if (this.#skipNewline && text.startsWith("\n")) text = text.slice(1);
    this.#skipNewline = text.endsWith("\r"); // its "\n" may come with the next piece
    const lines = (this.#rest + text).split(/\r\n|\n|\r/);
    this.#rest = lines.pop() ?? "";
    for (const line of lines) yield* this.#line(line);
    if (this.#size + this.#rest.length > MAX_MESSAGE) throw new RangeError("an event is too large");
  }

  *#line(line: string): Generator<Item, void, void> {
    if (line === "") return yield* this.#dispatch();
    if (line.startsWith(":")) return yield { comment: true };
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "event") this.#event = value;
    if (field === "data") {
      this.#data.push(value);
      this.#size += value.length;
    }
  }

  *#dispatch(): Generator<Item, void, void> {
    if (this.#data.length > 0) yield { comment: false, event: this.#event || "message", data: this.#data.join("\n") };
    this.#event = "";
    this.#data = [];
    this.#size = 0;
  }
}
