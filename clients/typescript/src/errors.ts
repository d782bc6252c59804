/**
 * Every error the client throws, besides the `AbortError` of a signal of yours.
 *
 * DocmillError
 * ├── ConnectionFailedError         nobody answers, or the connection broke and did not come back
 * ├── WaitTimeoutError              the time to wait for a run passed; the run goes on
 * ├── RunFailedError                `result()` of a run that failed; `.run` has the whole run
 * ├── RunCancelledError             `result()` of a run that was cancelled; `.run` has the whole run
 * ├── WebhookVerificationError      a webhook that is not from docmill, was changed on the way, or is too old
 * └── ApiError                      docmill answered with an error
 *     ├── InvalidArgumentError      400 413 415 422  the request or the document cannot be right
 *     ├── AuthenticationError       401              no key, or a wrong, expired or revoked one
 *     ├── PaymentRequiredError      402              too few credits, or not in the plan
 *     ├── PermissionDeniedError     403              the key lacks a scope (`details.requiredScope`)
 *     ├── NotFoundError             404              no such flow, version, run, document or page
 *     ├── ConflictError             409              it exists already, or was asked for differently before
 *     │   └── FailedPreconditionError                the state of the run or document does not allow this
 *     ├── ResourceExhaustedError    429              the calls of this minute are used up, or a queue is full
 *     ├── DeadlineExceededError     408 504          it took too long; what was asked for may have happened
 *     ├── UnavailableError          502 503          docmill is overloaded or a part of it is away: try again
 *     ├── UnsupportedError          405 501          this docmill does not know the call (an older one?)
 *     └── ServerError               any other
 */

import type { Fault, Run } from "./types.js";

/** Short facts for programs: a field's path, a limit, a scope. */
export type Details = Readonly<Record<string, unknown>>;

/** Base of every error the client throws. */
export class DocmillError extends Error {
  /** Whether the same call may succeed a little later. */
  readonly retryable: boolean = false;

  constructor(
    message: string,
    /** Stable word for programs, e.g. `FLOW_NOT_FOUND`; empty where there is none. */
    readonly code: string = "",
    readonly details: Details = {},
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = new.target.name;
  }

  /** What was wrong, more exactly than `code`, e.g. `encrypted` of an `INVALID_DOCUMENT`; empty where that is all. */
  get reason(): string {
    const reason = this.details["reason"];
    return typeof reason === "string" ? reason : "";
  }
}

/** Nobody answers at the address, or the connection broke and did not come back in time. */
export class ConnectionFailedError extends DocmillError {
  override readonly retryable = true;
}

/** The time to wait for a run passed. The run goes on: wait again, watch it, or cancel it. */
export class WaitTimeoutError extends DocmillError {}

/** The run failed. `run` has all of it; code, message and details are those of the run's error. */
export class RunFailedError extends DocmillError {
  constructor(readonly run: Run) {
    const error: Fault | undefined = run.error;
    super(error?.message ?? `run ${run.id} failed`, error?.code, error?.details);
  }
}

/** The run was cancelled before it had a result. */
export class RunCancelledError extends DocmillError {
  constructor(readonly run: Run) {
    super(`run ${run.id} was cancelled`);
  }
}

/** Not from docmill, changed on the way, or too old. Answer 400 and do nothing. */
export class WebhookVerificationError extends DocmillError {}

/** What an answer says besides its error. */
export interface ApiErrorFacts {
  /** HTTP status. */
  readonly status: number;
  /** Names the call in docmill's log; empty where something else answered. */
  readonly requestId: string;
  /** Milliseconds after which trying again may help, where the server says so. */
  readonly retryAfterMs: number | undefined;
}

/** docmill answered with an error. */
export class ApiError extends DocmillError {
  readonly status: number;
  readonly requestId: string;
  readonly retryAfterMs: number | undefined;

  constructor(message: string, code: string, details: Details, facts: ApiErrorFacts) {
    super(message, code, details);
    this.status = facts.status;
    this.requestId = facts.requestId;
    this.retryAfterMs = facts.retryAfterMs;
  }
}

/** The request or the document cannot be right; `details.field` names the field where there is one. */
export class InvalidArgumentError extends ApiError {}

/** No key, or a wrong, expired or revoked one; `reason` says which. */
export class AuthenticationError extends ApiError {}

/** Too few credits (`details.required`, `details.available`), or not in the organization's plan. */
export class PaymentRequiredError extends ApiError {}

/** The key lacks the scope `details.requiredScope`. */
export class PermissionDeniedError extends ApiError {}

/** No such flow, version, run, document or page for this key. */
export class NotFoundError extends ApiError {}

/** It exists already, or an idempotency key came before with another request. */
export class ConflictError extends ApiError {}

/** The run or document is in a state that does not allow this. */
export class FailedPreconditionError extends ConflictError {}

/** The calls of this minute are used up, or a queue is full. */
export class ResourceExhaustedError extends ApiError {
  override readonly retryable = true;
}

/** It took too long; what was asked for may have happened. */
export class DeadlineExceededError extends ApiError {
  override readonly retryable = true;
}

/** docmill is overloaded or a part of it is away for a moment: try again. */
export class UnavailableError extends ApiError {
  override readonly retryable = true;
}

/** This docmill does not know the call; it may be older than the client. */
export class UnsupportedError extends ApiError {}

/** docmill's own fault. */
export class ServerError extends ApiError {}

const BY_STATUS: Readonly<Record<number, typeof ApiError>> = {
  400: InvalidArgumentError,
  401: AuthenticationError,
  402: PaymentRequiredError,
  403: PermissionDeniedError,
  404: NotFoundError,
  405: UnsupportedError,
  408: DeadlineExceededError,
  409: ConflictError,
  413: InvalidArgumentError,
  415: InvalidArgumentError,
  422: InvalidArgumentError,
  429: ResourceExhaustedError,
  501: UnsupportedError,
  502: UnavailableError,
  503: UnavailableError,
  504: DeadlineExceededError,
};

/** Codes of 409 that speak of a state, not of two things that collide. */
const STATES = new Set(["ALREADY_CANCELLED", "NOT_CANCELLABLE", "DOCUMENT_IN_USE"]);

/** The error of an answer that is not 2xx: the envelope's where there is one, else what the status says. */
export async function errorOf(response: Response): Promise<ApiError> {
  const { code, message, details } = envelopeOf(await response.text());
  const facts = {
    status: response.status,
    requestId: response.headers.get("x-request-id") ?? "",
    retryAfterMs: retryAfterOf(response.headers.get("retry-after")),
  };
  const known = BY_STATUS[response.status] ?? ServerError;
  const kind = known === ConflictError && STATES.has(code) ? FailedPreconditionError : known;
  return new kind(message || `something answers with HTTP ${response.status}`, code, details, facts);
}

function envelopeOf(body: string): { code: string; message: string; details: Details } {
  const error: unknown = asObject(parsed(body))["error"];
  const { code, message, details } = asObject(error);
  return { code: asText(code), message: asText(message), details: asObject(details) };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // a proxy's page
  }
}

function asObject(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

function asText(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function retryAfterOf(header: string | null): number | undefined {
  return header !== null && /^\d{1,7}$/.test(header.trim()) ? Number(header) * 1000 : undefined;
}
