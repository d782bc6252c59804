/** The client of docmill: documents in, data out. */

export { Docmill } from "./client.js";
export { Documents, type Source, type UploadOptions } from "./documents.js";
export {
  ApiError,
  AuthenticationError,
  ConflictError,
  ConnectionFailedError,
  DeadlineExceededError,
  DocmillError,
  FailedPreconditionError,
  InvalidArgumentError,
  NotFoundError,
  PaymentRequiredError,
  PermissionDeniedError,
  ResourceExhaustedError,
  RunCancelledError,
  RunFailedError,
  ServerError,
  UnavailableError,
  UnsupportedError,
  WaitTimeoutError,
  WebhookVerificationError,
  type ApiErrorFacts,
  type Details,
} from "./errors.js";
export { Flows, type NewFlow, type RunOptions, type Uploaded } from "./flows.js";
export { RunHandle, Runs, type GetRunOptions, type ListRunsOptions, type WaitOptions } from "./runs.js";
export type { CallOptions, ClientOptions } from "./transport.js";
export type * from "./types.js";
export { isTerminal, type WatchOptions } from "./watch.js";
export { verifyWebhook, type WebhookEvent, type WebhookHeaders } from "./webhooks.js";
