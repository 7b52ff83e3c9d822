"""Running an app on loopback for the length of a block, in a thread of this process."""

from __future__ import annotations

import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

from backup_agent.demo.host import DemoHost
from backup_agent.demo.recording import Recording, load_recording

LOOPBACK = "127.0.0.1"
BACKLOG = 128
STOP_TIMEOUT_S = 1
"""How long requests under way may go on after the block has ended."""


@contextmanager
def run_host(recording: Recording | None = None, *, port: int = 0) -> Generator[DemoHost]:
    """A demo host that listens at its `url`, which is its PLC directory and its PDS.

    recording: the account to serve; the one that ships with the package by default.
    port: 0 takes a free one. Raises OSError if it is taken.
    """
    with listening(port) as sock:
        host = DemoHost(recording or load_recording(), url_of(sock))
        with serving(host.app, sock):
            yield host


@contextmanager
def listening(port: int = 0) -> Generator[socket.socket]:
    """A socket that takes connections on loopback; they wait until somebody serves them."""
    with socket.create_server((LOOPBACK, port), backlog=BACKLOG) as sock:
        yield sock


def url_of(sock: socket.socket) -> str:
    return f"http://localhost:{sock.getsockname()[1]}"


@contextmanager
def serving(app: ASGIApp, sock: socket.socket) -> Generator[None]:
    """`app` answers on `sock` until the block ends, which waits for the thread to end."""
    config = uvicorn.Config(
        app,
        log_config=None,
        log_level="critical",
        access_log=False,
        lifespan="off",
        ws="none",
        timeout_graceful_shutdown=STOP_TIMEOUT_S,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()
