"""A real server in its own process, as a user starts it."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_READY_WITHIN_SECONDS = 60
_LOOK_EVERY_SECONDS = 0.05


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def served(workspace: Path, folder: Path) -> Iterator[str]:
    """Serve a workspace on this machine and give its address; the process is ended by its own id."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    log = folder / "server.log"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GEOSVC_")}
    environment["GEOSVC_WARM_UP"] = "false"  # tests want the processor
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "geosvc", "serve", "--public-read", "--workspace", str(workspace), "--port", str(port)],
            cwd=folder, env=environment, stdout=stream, stderr=subprocess.STDOUT,
        )
        try:
            _wait_until_ready(process, port, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_until_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    for _ in range(int(_READY_WITHIN_SECONDS / _LOOK_EVERY_SECONDS)):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        try:
            code = process.wait(timeout=_LOOK_EVERY_SECONDS)
        except subprocess.TimeoutExpired:
            continue
        raise AssertionError(f"the server ended with {code}: {log.read_text(errors='replace')}")
    raise AssertionError(f"no server on port {port} within {_READY_WITHIN_SECONDS} s: {log.read_text(errors='replace')}")
