import assert from "node:assert/strict";
import { test } from "node:test";
import { itemsOf, Parser, type Item } from "../src/sse.js";
import { all } from "./stand-in.js";

function parsed(...pieces: string[]): Item[] {
  const parser = new Parser();
  return pieces.flatMap((piece) => [...parser.push(piece)]);
}

function message(event: string, data: string): Item {
  return { comment: false, event, data };
}

test("fields make messages, an empty line sends them, a comment is a sign of life", () => {
  assert.deepEqual(parsed("id: 1\nevent: page.done\ndata: {}\n\n: still here\n\ndata:a\ndata: b\n\n"), [
    message("page.done", "{}"),
    { comment: true },
    message("message", "a\nb"),
  ]);
});

test("what has no data is no message, and leaves nothing behind", () => {
  assert.deepEqual(parsed("event: lost\nid: 7\nretry: 1000\n\ndata: x\n\n"), [message("message", "x")]);
  assert.deepEqual(parsed("data: unfinished\n"), []);
});

test("only one blank after the colon is taken away, unknown fields are ignored", () => {
  assert.deepEqual(parsed("data:  two\nnonsense: x\ndata\n\n"), [message("message", " two\n")]);
});

test("however the text is cut and its lines end, the items are the same", () => {
  const text = 'id: 1\nevent: a.b\ndata: {"x": 1}\n\n: hm\n\ndata: one\ndata: two\n\n\ndata: three\n\n';
  const expected = parsed(text);
  assert.equal(expected.length, 4);
  for (const ending of ["\n", "\r\n", "\r"]) {
    const whole = text.replaceAll("\n", ending);
    for (let at = 0; at <= whole.length; at += 1) {
      assert.deepEqual(parsed(whole.slice(0, at), whole.slice(at)), expected, `${JSON.stringify(ending)} at ${at}`);
    }
    assert.deepEqual(parsed(...whole), expected, "character by character");
  }
});

test("bytes are UTF-8, cut anywhere; all of them are heard", async () => {
  const bytes = new TextEncoder().encode("data: Zürich 漢字 👋\n\n");
  for (let size = 1; size <= bytes.length; size += 1) {
    let heard = 0;
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        for (let at = 0; at < bytes.length; at += size) controller.enqueue(bytes.slice(at, at + size));
        controller.close();
      },
    });
    assert.deepEqual(await all(itemsOf(body, () => (heard += 1))), [message("message", "Zürich 漢字 👋")]);
    assert.equal(heard, Math.ceil(bytes.length / size));
  }
});

test("a message without end does not fill the memory", () => {
  const piece = `data: ${"x".repeat(1024 * 1024)}\n`;
  const parser = new Parser();
  assert.throws(() => {
    for (;;) for (const item of parser.push(piece)) assert.fail(String(item));
  }, RangeError);
  assert.throws(() => {
    const line = new Parser();
    for (;;) for (const item of line.push("x".repeat(1024 * 1024))) assert.fail(String(item));
  }, RangeError);
});
