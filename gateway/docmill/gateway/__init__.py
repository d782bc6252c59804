"""The REST gateway: a client of the public gRPC API, one dialect beside another."""
