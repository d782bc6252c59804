"""The client's public names are a promise: a change of this list is a change of the API."""

from __future__ import annotations

import inspect
import subprocess
import sys

import docmill.client
from docmill.client import aio, sync

EXPORTS = [
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
    "DocumentQuota",
    "DeliveryStatus",
    "Docmill",
    "DocmillError",
    "Document",
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

METHODS = {
    "account": {"check_key", "usage", "list_keys", "create_key", "revoke_key"},
    "batches": {
        "submit",
        "get",
        "list",
        "watch",
        "wait_for_completion",
        "results",
        "cancel",
        "deliveries",
        "redeliver",
    },
    "documents": {"upload", "get", "delete"},
    "flows": {"list", "get", "create", "estimate", "run"},
    "runs": {
        "get",
        "list",
        "watch",
        "wait_for_completion",
        "cancel",
        "pages",
        "page",
        "page_image",
        "deliveries",
        "redeliver",
        "handle",
    },
}


def _public(kind: type) -> set[str]:
    return {name for name, _ in inspect.getmembers(kind) if not name.startswith("_")}


def test_exports_are_frozen() -> None:
    """The package gives exactly these names."""
    assert sorted(EXPORTS) == docmill.client.__all__
    assert all(hasattr(docmill.client, name) for name in EXPORTS)


def test_both_clients_have_the_same_methods() -> None:
    """Whatever the async client can do, the blocking one can, with the same arguments."""
    for name, methods in METHODS.items():
        slow, fast = getattr(aio, f"Async{name.title()}"), getattr(sync, name.title())
        assert _public(slow) == _public(fast) == methods
        for method in methods - {"handle"}:
            assert inspect.signature(getattr(slow, method)) == inspect.signature(getattr(fast, method))
            assert getattr(fast, method).__doc__
    handles = {"watch", "result", "cancel", "id"}
    assert _public(sync.RunHandle) == handles | {"run"}
    assert _public(aio.AsyncRunHandle) == handles  # `run` is an attribute there
    assert inspect.signature(aio.AsyncDocmill) == inspect.signature(sync.Docmill)


def test_the_client_brings_nothing_of_the_services() -> None:
    """Importing the client loads messages and gRPC, and neither server code nor its dependencies."""
    heavy = [
        "sqlalchemy",
        "nats",
        "obstore",
        "pydantic",
        "cv2",
        "numpy",
        "onnxruntime",
        "structlog",
        "rich",
        "cyclopts",
    ]
    code = (
        "import sys, docmill.client\n"
        "own = {m.split('.')[1] for m in sys.modules if m.startswith('docmill.')}\n"
        f"print(sorted(own - {{'client', 'v1'}}), [m for m in {heavy} if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert result.stdout.strip() == "[] []"
