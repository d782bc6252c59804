"""The documented surface under `/api/v1`."""
