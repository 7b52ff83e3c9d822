"""A server agent as its operator starts it: `skypail serve`, in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.backup_agent.cli.shell import COMMAND

STOP_TIMEOUT_S = 30


class AgentProcess:
    """One server; it can be killed, frozen, and started again at the same place."""

    def __init__(self, command: Sequence[str | Path], environ: Mapping[str, str], log: Path) -> None:
        self._command = command
        self._environ = environ
        self._process: subprocess.Popen[str] | None = None
        self.url, self.did = "", ""
        self.log = log

    def start(self) -> None:
        with self.log.open("a") as errors:
            self._process = subprocess.Popen(
                self._command,
                env=dict(os.environ) | dict(self._environ),
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        assert self._process.stdout
        line = self._process.stdout.readline()
        assert line, self.log.read_text()
        started = json.loads(line)
        self.url, self.did = started["url"], started["did"]

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    def freeze(self) -> None:
        assert self._process
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process
        self._process.send_signal(signal.SIGCONT)

    def wait(self) -> int:
        """Its exit code, when it ends by itself."""
        assert self._process
        self._process.communicate(timeout=STOP_TIMEOUT_S)
        code, self._process = self._process.returncode, None
        return code

    def stop(self) -> int:
        """As the operator stops it; its exit code."""
        return self._end(signal.SIGTERM)

    def _end(self, number: int) -> int:
        if self._process is None:
            return 0
        self._process.send_signal(number)
        self._process.communicate(timeout=STOP_TIMEOUT_S)
        code, self._process = self._process.returncode, None
        return code

    def get(self, path: str) -> httpx.Response:
        return httpx.get(f"{self.url}{path}", timeout=10)

    def post(self, body: bytes, headers: Mapping[str, str]) -> httpx.Response:
        return httpx.post(self.url, content=body, headers=dict(headers), timeout=10)


@contextmanager
def running_agent(home: Path, environ: Mapping[str, str], *options: str | Path) -> Generator[AgentProcess]:
    """`skypail serve` on a free port; started again it answers at the same one."""
    with free_port() as port:
        command = [COMMAND, "serve", "--port", str(port), "--json", *options]
        server = AgentProcess(command, {"SKYPAIL_HOME": str(home), **environ}, home.with_suffix(".log"))
    try:
        server.start()
        yield server
    finally:
        server.kill()


@contextmanager
def running_child(log: Path, **told: object) -> Generator[AgentProcess]:
    """`tests.backup_agent.server.child`, told so."""
    command = [sys.executable, "-m", "tests.backup_agent.server.child", json.dumps(told)]
    server = AgentProcess(command, {}, log)
    try:
        server.start()
        yield server
    finally:
        server.kill()


@contextmanager
def free_port() -> Generator[int]:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        yield sock.getsockname()[1]


def until(what: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait until `what()` is true."""
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, f"{what} did not come true in {seconds} s"
        time.sleep(0.1)
