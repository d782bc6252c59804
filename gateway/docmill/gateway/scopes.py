"""The scope a key needs for each method.

The services decide. The gateway needs to know only where it refuses something by itself: a key that may not call the
method at all is told that first.
"""

from __future__ import annotations

__all__ = ["SCOPES"]

SCOPES = {
    "docmill.v1.DocumentService.UploadDocument": "flows:execute",
    "docmill.v1.DocumentService.GetDocument": "executions:read",
    "docmill.v1.DocumentService.DeleteDocument": "flows:execute",
    "docmill.v1.FlowService.ListFlows": "flows:read",
    "docmill.v1.FlowService.GetFlow": "flows:read",
    "docmill.v1.FlowService.CreateFlow": "flows:write",
    "docmill.v1.FlowService.RunFlow": "flows:execute",
    "docmill.v1.FlowService.EstimateRun": "flows:read",
    "docmill.v1.RunService.GetRun": "executions:read",
    "docmill.v1.RunService.ListRuns": "executions:read",
    "docmill.v1.RunService.CancelRun": "executions:cancel",
    "docmill.v1.RunService.WatchRun": "executions:read",
    "docmill.v1.RunService.ListPages": "executions:read",
    "docmill.v1.RunService.GetPage": "executions:read",
    "docmill.v1.RunService.GetPageImage": "executions:read",
    "docmill.v1.AccountService.CheckKey": "",
    "docmill.v1.AccountService.GetUsage": "executions:read",
    "docmill.v1.AccountService.ListKeys": "admin",
    "docmill.v1.AccountService.CreateKey": "admin",
    "docmill.v1.AccountService.RevokeKey": "admin",
    "docmill.v1.WebhookService.ListDeliveries": "executions:read",
    "docmill.v1.WebhookService.Redeliver": "flows:execute",
    "docmill.v1.BatchService.CreateBatch": "batch:execute",
    "docmill.v1.BatchService.GetBatch": "batch:read",
    "docmill.v1.BatchService.ListBatches": "batch:read",
    "docmill.v1.BatchService.WatchBatch": "batch:read",
    "docmill.v1.BatchService.CancelBatch": "batch:cancel",
    "docmill.v1.BatchService.GetBatchResults": "batch:read",
    "docmill.v1.BatchService.DownloadResults": "",
}
"""Method to scope; empty where any key will do."""
