"""What a key must be allowed to do for each method, and which methods need no key."""

from __future__ import annotations

from docmill.domain.models import Scope

__all__ = ["SCOPES", "is_public"]

SCOPES: dict[str, Scope | None] = {
    "/docmill.v1.DocumentService/UploadDocument": Scope.FLOWS_EXECUTE,
    "/docmill.v1.DocumentService/GetDocument": Scope.EXECUTIONS_READ,
    "/docmill.v1.DocumentService/DeleteDocument": Scope.FLOWS_EXECUTE,
    "/docmill.v1.FlowService/ListFlows": Scope.FLOWS_READ,
    "/docmill.v1.FlowService/GetFlow": Scope.FLOWS_READ,
    "/docmill.v1.FlowService/CreateFlow": Scope.FLOWS_WRITE,
    "/docmill.v1.FlowService/RunFlow": Scope.FLOWS_EXECUTE,
    "/docmill.v1.FlowService/EstimateRun": Scope.FLOWS_READ,
    "/docmill.v1.RunService/GetRun": Scope.EXECUTIONS_READ,
    "/docmill.v1.RunService/ListRuns": Scope.EXECUTIONS_READ,
    "/docmill.v1.RunService/CancelRun": Scope.EXECUTIONS_CANCEL,
    "/docmill.v1.RunService/WatchRun": Scope.EXECUTIONS_READ,
    "/docmill.v1.RunService/ListPages": Scope.EXECUTIONS_READ,
    "/docmill.v1.RunService/GetPage": Scope.EXECUTIONS_READ,
    "/docmill.v1.RunService/GetPageImage": Scope.EXECUTIONS_READ,
    "/docmill.v1.AccountService/CheckKey": None,
    "/docmill.v1.AccountService/GetUsage": Scope.EXECUTIONS_READ,
    "/docmill.v1.AccountService/ListKeys": Scope.ADMIN,
    "/docmill.v1.AccountService/CreateKey": Scope.ADMIN,
    "/docmill.v1.AccountService/RevokeKey": Scope.ADMIN,
    "/docmill.v1.WebhookService/ListDeliveries": Scope.EXECUTIONS_READ,
    "/docmill.v1.WebhookService/Redeliver": Scope.FLOWS_EXECUTE,
    "/docmill.v1.BatchService/CreateBatch": Scope.BATCH_EXECUTE,
    "/docmill.v1.BatchService/GetBatch": Scope.BATCH_READ,
    "/docmill.v1.BatchService/ListBatches": Scope.BATCH_READ,
    "/docmill.v1.BatchService/WatchBatch": Scope.BATCH_READ,
    "/docmill.v1.BatchService/CancelBatch": Scope.BATCH_CANCEL,
    "/docmill.v1.BatchService/GetBatchResults": Scope.BATCH_READ,
}
"""The scope of each method; None where any key will do."""

# Probes and tools have no key; both services tell nothing about anybody's data.
_PUBLIC_SERVICES = (
    "/grpc.health.v1.Health/",
    "/grpc.reflection.v1.ServerReflection/",
    "/grpc.reflection.v1alpha.ServerReflection/",
)

# Whoever holds what it asks for may have what that is for.
_FOR_HOLDERS = "/docmill.v1.BatchService/DownloadResults"


def is_public(method: str) -> bool:
    """Whether `method` (`/package.Service/Method`) needs no key. Everything that is not listed needs one."""
    return method == _FOR_HOLDERS or method.startswith(_PUBLIC_SERVICES)
