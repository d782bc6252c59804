"""The documented surface under `/api/v1`. Empty, so that the services can render its webhooks without an HTTP server."""
