import type { Documents, Source, UploadOptions } from "./documents.js";
import { listed } from "./lists.js";
import { RunHandle, runOf, type Runs } from "./runs.js";
import type { CallOptions, Transport } from "./transport.js";
import type { Flow, FlowConfig, FlowSummary, JsonObject, Run } from "./types.js";

/** A document that was uploaded before. */
export interface Uploaded {
  documentId: string;
}

/** How to run a flow. */
export interface RunOptions extends UploadOptions {
  /** Of the flow; the current one when absent. */
  version?: string;
  /** Values for the flow, as its `inputSchema` says. */
  variables?: JsonObject;
  /** Anything of yours, given back with the run; at most 16 KiB of JSON. */
  metadata?: JsonObject;
  /** Short facts by which runs are found again. */
  labels?: Record<string, string>;
  /** Who goes first when workers are busy. */
  priority?: "interactive" | "standard" | "bulk";
  /** Milliseconds until the run fails; the server's own limit when absent. */
  timeLimitMs?: number;
  /** Calls with the same key within 24 hours give the same run. */
  idempotencyKey?: string;
  /** Where to send word once the run ended. */
  webhookUrl?: string;
  /** Key of the signature under that word; the organization's own when absent. */
  webhookSecret?: string;
}

/** A flow version to create. */
export interface NewFlow {
  /** Lower-case letters, digits, `-` and `_`. */
  id: string;
  /** As in Semantic Versioning 2.0.0. */
  version: string;
  name: string;
  description?: string;
  hidden?: boolean;
  inputSchema?: JsonObject;
  outputSchema?: JsonObject;
  config: FlowConfig;
  definition: JsonObject;
}

/** Versioned recipes that turn a document into data. */
export class Flows {
  constructor(
    private readonly transport: Transport,
    private readonly documents: Documents,
    private readonly runs: Runs,
  ) {}

  /** The flows the key may use, oldest first; drawn from the server as needed. */
  list(options: CallOptions = {}): AsyncGenerator<FlowSummary, void, void> {
    return listed<FlowSummary>(this.transport, { path: "/flows", signal: options.signal });
  }

  /** A version of a flow with its schemas and limits; the current one where none is named. */
  async get(flowId: string, options: CallOptions & { version?: string } = {}): Promise<Flow> {
    const query = { version: options.version };
    return this.transport.json<Flow>({ path: pathOf(flowId), query, signal: options.signal });
  }

  /** Create a flow, or a new version of one. Versions never change: an existing one is a `ConflictError`. */
  async create(flow: NewFlow, options: CallOptions = {}): Promise<Flow> {
    return this.transport.json<Flow>({ method: "POST", path: "/flows", json: flow, signal: options.signal });
  }

  /**
   * Start a run over a document (see `documents.upload`) or over an uploaded one.
   *
   * A document is always uploaded first: a worker looks at it while the run is being asked for.
   */
  async run<Output = unknown>(
    flowId: string,
    document: Source | Uploaded,
    options: RunOptions = {},
  ): Promise<RunHandle<Output>> {
    const documentId =
      "documentId" in document ? document.documentId : (await this.documents.upload(document, options)).id;
    const { version, metadata, labels, priority, idempotencyKey, webhookUrl, webhookSecret } = options;
    const timeLimit = options.timeLimitMs === undefined ? undefined : `${options.timeLimitMs / 1000}s`;
    const run = await this.transport.json<Run<Output>>({
      method: "POST",
      path: `${pathOf(flowId)}/run`,
      json: {
        input: { documentId, variables: options.variables },
        ...{ version, metadata, labels, priority, timeLimit, idempotencyKey, webhookUrl, webhookSecret },
      },
      signal: options.signal,
    });
    return new RunHandle<Output>(this.runs, runOf(run));
  }
}

function pathOf(flowId: string): string {
  return `/flows/${encodeURIComponent(flowId)}`;
}
