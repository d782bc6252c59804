"""The public gRPC API: servicers that convert, call the engine and convert back."""

from docmill.rpc.server import RpcServer, ServerOptions

__all__ = ["RpcServer", "ServerOptions"]
