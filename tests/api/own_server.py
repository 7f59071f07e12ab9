"""A real server: in its own process, as a user starts it, or in a thread of the test."""

import os
import random
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from fastapi import FastAPI

_READY_WITHIN_SECONDS = 60
_LOOK_EVERY_SECONDS = 0.05
# Below those that a system hands out by itself (Linux 32768, others 49152): nobody gets it between the look and the use.
_PORTS = range(12_000, 32_000)
_chance = random.SystemRandom()  # not the seed of the tests: two processes would choose the same


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    for _ in range(100):
        port = _chance.choice(_PORTS)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError(f"no free port among a hundred between {_PORTS.start} and {_PORTS.stop}")


@contextmanager
def served_here(app: FastAPI, port: int | None = None) -> Iterator[str]:
    """Serve an application in a thread of this process and give its address: the test may reach into it."""
    port = port or free_port()
    running = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error"))
    thread = threading.Thread(target=running.run, daemon=True)
    thread.start()
    end = time.monotonic() + _READY_WITHIN_SECONDS
    while not running.started:
        assert thread.is_alive(), f"the server on port {port} ended before it began"
        assert time.monotonic() < end, f"no server on port {port} within {_READY_WITHIN_SECONDS} s"
        time.sleep(_LOOK_EVERY_SECONDS)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        running.should_exit = True
        thread.join(30)


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
