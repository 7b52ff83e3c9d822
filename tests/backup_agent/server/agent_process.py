"""A server agent as its operator starts it: `skypail serve`, in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.backup_agent.cli.shell import COMMAND

STOP_TIMEOUT_S = 30


class AgentProcess:
    """One server; it can be killed, frozen, and started again at the same place."""

    def __init__(self, home: Path, environ: Mapping[str, str], *options: str | Path) -> None:
        self.home = home
        self._environ = environ
        self._options = options
        self._process: subprocess.Popen[str] | None = None
        self.url, self.did, self._port = "", "", "0"
        self.log = home.with_suffix(".log")

    def start(self) -> None:
        with self.log.open("a") as errors:
            self._process = subprocess.Popen(
                [COMMAND, "serve", "--port", self._port, "--json", *map(str, self._options)],
                env=dict(os.environ) | {"SKYPAIL_HOME": str(self.home)} | dict(self._environ),
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        assert self._process.stdout
        line = self._process.stdout.readline()
        assert line, self.log.read_text()
        started = json.loads(line)
        self.url, self.did, self._port = started["url"], started["did"], started["url"].rpartition(":")[2]

    def kill(self) -> None:
        self._end(signal.SIGKILL)

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


@contextmanager
def running_agent(home: Path, environ: Mapping[str, str], *options: str | Path) -> Generator[AgentProcess]:
    server = AgentProcess(home, environ, *options)
    try:
        server.start()
        yield server
    finally:
        server.kill()


def until(what: object, seconds: float = 20.0) -> None:
    """Wait until `what()` is true."""
    assert callable(what)
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, f"{what} did not come true in {seconds} s"
        time.sleep(0.1)
