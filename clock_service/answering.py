"""Answering HTTP in one process until it is asked to stop: what all our services have in common."""

from __future__ import annotations

import asyncio
import errno
import gc
import json
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass

import uvicorn
import uvloop
from starlette.types import ASGIApp

from clock_service.errors import BadOption
from clock_service.patience import MAX_CONNECTIONS, ImpatientProtocol

GRACE_S = 10
"""For requests that are being answered when the service is asked to stop."""

IDLE_S = 20
"""A connection may do nothing that long."""

BACKLOG = 1024


@dataclass(frozen=True, slots=True)
class Started:
    """What a service says once it answers."""

    url: str
    did: str
    pid: int

    def json(self) -> str:
        """In one line."""
        return json.dumps({"url": self.url, "did": self.did, "pid": self.pid})


def print_started(started: Started) -> None:
    """The `announce` of `--json`."""
    sys.stdout.write(started.json() + "\n")
    sys.stdout.flush()


def listen(host: str, port: int) -> socket.socket:
    """A listening socket that says it is TCP: asyncio turns Nagle's delay off for those alone.

    port: 0 for any. Raises BadOption if the address cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise BadOption(f"port {port} of {host} is taken; choose another --port") from error
        raise BadOption(f"no listening at {host} port {port}: {error.strerror}") from error
    return listener


def answer(
    app: ASGIApp, listener: socket.socket, host: str, did: str, announce: Callable[[Started], None]
) -> None:
    """Answer by `app` until SIGTERM or SIGINT, then finish what was begun.

    host: where `listener` listens, as it was named. did: of the service. announce: called once it answers.
    """
    _allow_connections()
    config = uvicorn.Config(
        app,
        http=ImpatientProtocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        timeout_keep_alive=IDLE_S,
        timeout_graceful_shutdown=GRACE_S,
    )
    _collect_seldom()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run(config, listener, lambda: announce(_started(listener, host, did))))


class _Server(uvicorn.Server):
    """Says when it answers; leaves the signals' further handling to the caller."""

    announce: Callable[[], None]

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if not self.should_exit:
            self.announce()


async def _run(config: uvicorn.Config, listener: socket.socket, announce: Callable[[], None]) -> None:
    server = _Server(config)
    server.announce = announce
    loop = asyncio.get_running_loop()

    def stop() -> None:
        server.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    await server._serve([listener])  # pyright: ignore[reportPrivateUsage] - `serve` raises the signal again


def _collect_seldom() -> None:
    """What is there at the start stays, and requests leave hardly a cycle: the search took a twentieth."""
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def _allow_connections() -> None:
    """Each takes a file descriptor, and many systems give a process 1024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * MAX_CONNECTIONS
    if soft != resource.RLIM_INFINITY and soft < wanted:
        allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))


def _started(listener: socket.socket, host: str, did: str) -> Started:
    shown = f"[{host}]" if ":" in host else host
    return Started(f"http://{shown}:{listener.getsockname()[1]}", did, os.getpid())
