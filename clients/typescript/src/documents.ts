import type { CallOptions, Transport } from "./transport.js";
import type { Document } from "./types.js";

/** The bytes of a document: a `File` or other `Blob`, a buffer, or a stream. */
export type Source = Blob | ArrayBuffer | Uint8Array | ReadableStream<Uint8Array>;

/** What is said of a document. */
export interface UploadOptions extends CallOptions {
  /** For people; a `File` has its own. */
  filename?: string;
  /** A hint, the bytes decide; a `Blob` may have its own. */
  mimeType?: string;
  /** Milliseconds the upload may take (600,000). */
  timeoutMs?: number;
}

const UPLOAD_MS = 600_000;

/** Bytes to be read by runs. */
export class Documents {
  constructor(private readonly transport: Transport) {}

  /** Send a document. A stream is sent as it comes, so its size does not matter for memory. */
  async upload(source: Source, options: UploadOptions = {}): Promise<Document> {
    const { name, type } = source as { name?: string; type?: string };
    return this.transport.json<Document>({
      method: "POST",
      path: "/documents",
      query: { filename: options.filename ?? name },
      body: source as BodyInit, // a Uint8Array on shared memory is none in TypeScript's eyes
      contentType: options.mimeType ?? (type || "application/octet-stream"),
      timeoutMs: options.timeoutMs ?? UPLOAD_MS,
      signal: options.signal,
    });
  }

  /** What is known of a document. */
  async get(documentId: string, options: CallOptions = {}): Promise<Document> {
    return this.transport.json<Document>({ path: pathOf(documentId), signal: options.signal });
  }

  /** Delete a document that no run uses; one that is used: `FailedPreconditionError`. */
  async delete(documentId: string, options: CallOptions = {}): Promise<void> {
    await this.transport.json({ method: "DELETE", path: pathOf(documentId), signal: options.signal });
  }
}

function pathOf(documentId: string): string {
  return `/documents/${encodeURIComponent(documentId)}`;
}
