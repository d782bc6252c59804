import type { Query, Request, Transport } from "./transport.js";

/** Items a list call asks for at once. */
const PAGE_SIZE = 100;

interface Part<T> {
  data: T[];
  nextCursor?: string;
}

/** All items of a list, drawn from the server as needed: leave the loop when you have enough. */
export async function* listed<T>(
  transport: Transport,
  request: Request & { query?: Query },
): AsyncGenerator<T, void, void> {
  let cursor: string | undefined;
  do {
    const part = await transport.json<Part<T>>({ ...request, query: { limit: PAGE_SIZE, ...request.query, cursor } });
    yield* part.data;
    cursor = part.nextCursor;
  } while (cursor);
}
