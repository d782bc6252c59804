"""The client of docmill: documents in, data out.

`Docmill` for blocking code, `AsyncDocmill` for asyncio; the same methods, the same values, the same errors.
"""

from __future__ import annotations

from docmill.client import webhooks
from docmill.client.account import Balance, CurrentKey, DocumentQuota, Key, KeyMode, NewKey, Plan, Usage
from docmill.client.aio import AsyncDocmill, AsyncRunHandle
from docmill.client.batch import Batch, BatchEvent, BatchFile, BatchProgress, BatchResult, BatchStatus
from docmill.client.delivery import Delivery, DeliveryAttempt, DeliveryStatus
from docmill.client.document import Document, DocumentStatus
from docmill.client.errors import (
    ApiError,
    AuthenticationError,
    CallCancelledError,
    ConflictError,
    ConnectionFailedError,
    DeadlineExceededError,
    DocmillError,
    FailedPreconditionError,
    InvalidArgumentError,
    NotFoundError,
    OutOfRangeError,
    PaymentRequiredError,
    PermissionDeniedError,
    QueueFullError,
    QuotaExhaustedError,
    RateLimitedError,
    ResourceExhaustedError,
    RunCancelledError,
    RunFailedError,
    ServerError,
    UnavailableError,
    UnsupportedError,
    WaitTimeoutError,
)
from docmill.client.flow import Estimate, Flow, FlowConfig, FlowSummary
from docmill.client.page import Box, Line, Page, PageQuality, PageStatus, PageText, PageWarning, Word
from docmill.client.run import Evidence, Fault, Metrics, Priority, Progress, Run, RunEvent, RunStatus, StepMetrics
from docmill.client.sync import Docmill, RunHandle

__all__ = [
    "ApiError",
    "AsyncDocmill",
    "AsyncRunHandle",
    "AuthenticationError",
    "Balance",
    "Batch",
    "BatchEvent",
    "BatchFile",
    "BatchProgress",
    "BatchResult",
    "BatchStatus",
    "Box",
    "CallCancelledError",
    "ConflictError",
    "ConnectionFailedError",
    "CurrentKey",
    "DeadlineExceededError",
    "Delivery",
    "DeliveryAttempt",
    "DeliveryStatus",
    "Docmill",
    "DocmillError",
    "Document",
    "DocumentQuota",
    "DocumentStatus",
    "Estimate",
    "Evidence",
    "FailedPreconditionError",
    "Fault",
    "Flow",
    "FlowConfig",
    "FlowSummary",
    "InvalidArgumentError",
    "Key",
    "KeyMode",
    "Line",
    "Metrics",
    "NewKey",
    "NotFoundError",
    "OutOfRangeError",
    "Page",
    "PageQuality",
    "PageStatus",
    "PageText",
    "PageWarning",
    "PaymentRequiredError",
    "PermissionDeniedError",
    "Plan",
    "Priority",
    "Progress",
    "QueueFullError",
    "QuotaExhaustedError",
    "RateLimitedError",
    "ResourceExhaustedError",
    "Run",
    "RunCancelledError",
    "RunEvent",
    "RunFailedError",
    "RunHandle",
    "RunStatus",
    "ServerError",
    "StepMetrics",
    "UnavailableError",
    "UnsupportedError",
    "Usage",
    "WaitTimeoutError",
    "Word",
    "webhooks",
]
