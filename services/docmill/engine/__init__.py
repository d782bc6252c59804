"""The use cases of docmill, one file each, behind one façade."""

from docmill.engine.engine import Engine
from docmill.engine.requests import FlowSpec, Heartbeat, Listing, RunFilter, RunOutput, RunRequest

__all__ = ["Engine", "FlowSpec", "Heartbeat", "Listing", "RunFilter", "RunOutput", "RunRequest"]
