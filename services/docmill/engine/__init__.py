"""The use cases of docmill, one file each, behind one façade."""

from docmill.engine.engine import Engine
from docmill.engine.requests import (
    BatchRequest,
    BatchView,
    Estimate,
    EstimateRequest,
    Heartbeat,
    KeyRequest,
    Listing,
    RunFilter,
    RunOutput,
    RunRequest,
    Usage,
    WebhookRequest,
)

__all__ = [
    "BatchRequest",
    "BatchView",
    "Engine",
    "Estimate",
    "EstimateRequest",
    "Heartbeat",
    "KeyRequest",
    "Listing",
    "RunFilter",
    "RunOutput",
    "RunRequest",
    "Usage",
    "WebhookRequest",
]
