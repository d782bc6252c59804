/** What the client gives back. The names are those of the wire; times are ISO 8601 texts in UTC. */

/** A JSON object. */
export type JsonObject = Record<string, unknown>;

/** Why a run, a page or a document failed. */
export interface Fault {
  /** Stable word for programs, e.g. `INVALID_DOCUMENT`. */
  code: string;
  /** What was wrong and what to do, for people. */
  message: string;
  /** Id of the flow step that failed; empty where it was no step. */
  step: string;
  /** Short facts for programs; `reason` says more exactly what `code` does, e.g. `encrypted`. */
  details: JsonObject;
}

/** The state of a run. */
export type RunStatus = "queued" | "running" | "success" | "failed" | "cancelled";

/** How far a run is. */
export interface Progress {
  /** Id of the step being worked on. */
  step: string;
  /** Estimate, 0 to 100. */
  percentage: number;
  pagesDone: number;
  pagesFailed: number;
  /** Absent until the document was looked at. */
  pagesTotal?: number;
}

/** What a run took. */
export interface Metrics {
  /** Milliseconds from its acceptance to its end. */
  durationMs: number;
  pageCount: number;
  creditsUsed: number;
  /** Used by language models. */
  tokensUsed: number;
  /** What outside services charged, in US dollars. */
  cost: number;
  stepsRun: number;
  stepsTotal: number;
  /** Milliseconds inside reading engines, summed over pages. */
  engineMs?: number;
  pagesFailed?: number;
  /** Only when asked for. */
  steps?: { step: string; nodeType: string; durationMs: number; tokensUsed?: number }[];
}

/** An upright rectangle in the page's unit. The origin is the page's top left corner; y grows downwards. */
export interface Box {
  x: number;
  y: number;
  w: number;
  h: number;
}

/** Where a value of an output was read. */
export interface Evidence {
  /** JSON pointer (RFC 6901) into the output, e.g. `/lineItems/0/total`. */
  path: string;
  /** From 1; 0 for a value of an electronic invoice that no page shows. */
  pageNumber: number;
  bbox: Box;
  /** As read. */
  words: string[];
  /** 0 to 1. */
  confidence: number;
  /** Where the value is from: `page`, or `einvoice` for the XML of an electronic invoice. */
  source?: string;
  /** Where it stands in that XML. */
  xpath?: string;
  /** Whether the words say the value. */
  grounded?: boolean;
}

/** One document going through one version of a flow. */
export interface Run<Output = unknown> {
  id: string;
  flowId: string;
  /** Of the flow. */
  version: string;
  documentId?: string;
  status: RunStatus;
  createdAt: string;
  startedAt?: string;
  /** However it ended. */
  completedAt?: string;
  cancelledAt?: string;
  /** Milliseconds, once it ended. */
  duration?: number;
  /** While it is at work. */
  progress?: Progress;
  /** Place in the line, from 1, while it waits for other runs of its organization. */
  queuePosition?: number;
  /** Once it succeeded; lists leave it out. */
  output?: Output;
  warnings?: string[];
  /** Only when asked for. */
  evidence?: Evidence[];
  /** JSON pointers of the values that a person should look at, least sure first; with the evidence. */
  lowConfidence?: string[];
  /** Why it failed. */
  error?: Fault;
  /** Once it ended. */
  metrics?: Metrics;
  /** What the steps made on the way, by step; only when asked for. */
  artifacts?: JsonObject;
  traceId?: string;
  labels?: Record<string, string>;
  /** What was given when it was started. */
  metadata?: JsonObject;
}

/** Kinds of events; a newer docmill may send others. */
export type RunEventKind =
  | "run.accepted"
  | "run.planned"
  | "page.done"
  | "page.retried"
  | "page.failed"
  | "step.started"
  | "step.done"
  | "run.succeeded"
  | "run.failed"
  | "run.cancelled";

/** A numbered fact about a run: 1, 2, 3... without gaps. Facts that do not belong to its kind are absent. */
export interface RunEvent {
  sequence: number;
  kind: RunEventKind | (string & {});
  at: string;
  /** The page it is about. */
  page?: {
    /** From 1. */
    pageNumber: number;
    /** From 1. */
    attempt: number;
    /** Absent for a blank page. */
    engine?: string;
    /** Mean of its words, 0 to 1. */
    confidence?: number;
    words?: number;
    /** Milliseconds a worker spent on it. */
    durationMs?: number;
    /** Milliseconds until it is tried again. */
    retryInMs?: number;
    /** Its text was there already, from an earlier reading of the same bytes. */
    cached?: boolean;
    /** A person should look at what was read; `quality` of the page says why. */
    needsReview?: boolean;
  };
  /** So far. */
  pagesDone?: number;
  pagesFailed?: number;
  pagesTotal?: number;
  /** Id of the step it is about. */
  step?: string;
  nodeType?: string;
  /** Milliseconds the step took. */
  durationMs?: number;
  error?: Fault;
}

/** The state of a page within a run. */
export type PageStatus = "pending" | "in_progress" | "done" | "failed" | "cancelled";

/** One word as read. */
export interface Word {
  text: string;
  bbox: Box;
  /** 0 to 1. */
  confidence: number;
}

/** Words that stand on one line, left to right. */
export interface Line {
  text: string;
  bbox: Box;
  words: Word[];
}

/** What is written on a page, in reading order. */
export interface PageText {
  width: number;
  height: number;
  /** `pixel`: of the image as stored; `point`: 1/72 inch of the PDF page after its rotation. */
  unit: "pixel" | "point";
  /** Degrees clockwise that the page was turned before its boxes were measured. */
  rotation: number;
  lines: Line[];
}

/** What is wrong with a page as far as its signals say. The first four ask for review. */
export type PageWarning =
  | "empty"
  | "low_confidence"
  | "garbled"
  | "unread"
  | "blurry"
  | "low_resolution"
  | "skewed";

/** How well a page could be read. What is absent could not be told from the page. */
export interface PageQuality {
  /** Of its words, weighted by their length, 0 to 1. */
  meanConfidence: number;
  /** Share of its tokens that look like words, numbers or codes, 0 to 1. */
  dictionaryShare?: number;
  /** Degrees clockwise that its lines run aslant from the nearest right angle. */
  skewDegrees?: number;
  /** Dots an inch of the scan. */
  resolutionDpi?: number;
  /** How hard the edges of its letters are; sharp print is above 0.2. */
  sharpness?: number;
  /** Share of the print that none of its words stand for, by length, 0 to 1. */
  unreadShare?: number;
  /** A person should look at what was read. */
  needsReview: boolean;
  warnings: (PageWarning | (string & {}))[];
}

/** A page of a run. */
export interface Page {
  /** From 1. */
  pageNumber: number;
  status: PageStatus;
  attempts: number;
  /** Absent for a blank page. */
  engine?: string;
  /** Mean of its words, 0 to 1. */
  confidence?: number;
  words?: number;
  durationMs?: number;
  error?: Fault;
  /** Once it was read, and not in lists. */
  text?: PageText;
  /** Once it was read. */
  quality?: PageQuality;
  /** Its text was there already, from an earlier reading of the same bytes. */
  cached: boolean;
}

/** Uploaded bytes and what is known of them. */
export interface Document {
  id: string;
  filename?: string;
  /** Found in the bytes once `ready`, before that as declared. */
  mimeType?: string;
  /** Bytes. */
  size: number;
  /** Lowercase hex. */
  sha256: string;
  status: "pending" | "ready" | "rejected";
  /** Once `ready`. */
  pageCount?: number;
  /** Why it was `rejected`. */
  error?: Fault;
  /** As declared at the upload. */
  declaredMimeType?: string;
  createdAt: string;
}

/** A flow in a list, at its current version. */
export interface FlowSummary {
  id: string;
  name: string;
  description?: string;
  version: string;
  createdAt: string;
  updatedAt: string;
  /** JSON Schema of the variables. */
  inputSchema?: JsonObject;
}

/** What a flow accepts. */
export interface FlowConfig {
  /** Media types. */
  supportedFormats: string[];
  maxFileSizeMB: number;
  maxPages: number;
  estimatedCreditsPerPage: number;
}

/** One version of a flow: a recipe that turns a document into data. */
export interface Flow extends FlowSummary {
  /** All of them, ascending. */
  versions: string[];
  /** JSON Schemas of `input` when a run is started, and of a run's `output`. */
  schema: { input: JsonObject; output: JsonObject };
  config: FlowConfig;
  /** The recipe. */
  definition?: JsonObject;
  /** Left out of lists; runs by its id. */
  hidden?: boolean;
}
