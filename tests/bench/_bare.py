"""`python -m tests.bench._bare`: one Starlette endpoint on the gateway's kind of server; prints its port, serves until killed."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from docmill.gateway.server import bind

if TYPE_CHECKING:
    from starlette.requests import Request

_ANSWER = {"id": "run_1", "flowId": "document-text", "version": "1.0.0", "status": "success", "metadata": {"a": 1}}


async def _show(_request: Request) -> Response:
    return Response(orjson.dumps(_ANSWER), media_type="application/json")


def main() -> None:
    """Serve."""
    listener = bind("127.0.0.1:0")
    sys.stdout.write(f"{listener.address}\n")
    sys.stdout.flush()
    app = Starlette(routes=[Route("/api/v1/runs/{run_id}", _show)])
    config = uvicorn.Config(app, http="httptools", loop="uvloop", lifespan="off", log_config=None, access_log=False)
    uvicorn.Server(config).run(sockets=[listener.socket])


if __name__ == "__main__":
    main()
