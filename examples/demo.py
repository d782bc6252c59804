"""`make demo`: start everything on a fresh folder, send the sample invoice, watch its pages, print its data, stop."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
START_SECONDS = 90
LISTEN = ("--grpc", "127.0.0.1:0", "--rest", "127.0.0.1:0")  # ports that are free


def main() -> int:
    """0 when the invoice's data was printed and everything has stopped."""
    folder = Path(tempfile.mkdtemp(prefix="docmill-demo-"))
    ready, log = folder / "ready.json", folder / "log"
    print("starting the bus, the services and the workers ...", flush=True)
    with log.open("w") as out:
        up = subprocess.Popen(
            [BIN / "docmill", "up", "--data", folder / "data", "--ready-file", ready, *LISTEN],
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        if not serves(up, ready):
            print(f"docmill did not start; its log:\n{log.read_text()[-4000:]}", file=sys.stderr)
            return 1
        facts = json.loads(ready.read_text())
        print(f"docmill serves gRPC on {facts['grpc']}; sending examples/invoice.pdf\n", flush=True)
        env = {**os.environ, "DOCMILL_GRPC": facts["grpc"], "DOCMILL_API_KEY": facts["api_key"]}
        sample = ROOT / "examples" / "invoice.pdf"
        run = subprocess.run([BIN / "docmill", "run", "invoice-extractor", sample], env=env, check=False)
        return run.returncode
    finally:
        up.send_signal(signal.SIGINT)
        code = up.wait(60)
        if code == 0:
            shutil.rmtree(folder, ignore_errors=True)
        with contextlib.suppress(BrokenPipeError):  # `make demo | head` is fine
            print("\nstopped." if code == 0 else f"\ndocmill ended with exit code {code}; see {log}", flush=True)


def serves(up: subprocess.Popen[bytes], ready: Path) -> bool:
    """Whether the ready file came before the process ended or the time was over."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and up.poll() is None:
        if ready.exists():
            return True
        time.sleep(0.05)
    return False


if __name__ == "__main__":
    sys.exit(main())
