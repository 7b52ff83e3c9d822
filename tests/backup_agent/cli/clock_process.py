"""A clock service as its operator starts it: `skypail clock serve`, in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from tests.backup_agent.cli.shell import COMMAND


class ClockProcess:
    """One service; it can be killed, and started again at the same place."""

    def __init__(self, home: Path, *options: str) -> None:
        self.home = home
        self._options = options
        self._process: subprocess.Popen[str] | None = None
        self.url, self.did, self._port = "", "", "0"

    def start(self) -> None:
        self.launch()
        self.wait()

    def launch(self) -> None:
        """Begin to start; `wait` returns once it answers."""
        self._process = subprocess.Popen(
            [COMMAND, "clock", "serve", "--port", self._port, "--json", *self._options],
            env=dict(os.environ) | {"SKYPAIL_HOME": str(self.home)},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def wait(self) -> None:
        assert self._process
        assert self._process.stdout
        started = json.loads(self._process.stdout.readline())
        self.url, self.did, self._port = started["url"], started["did"], started["url"].rpartition(":")[2]
        assert started["pid"] == self._process.pid

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


@contextmanager
def running_clock(home: Path, *options: str) -> Generator[ClockProcess]:
    service = ClockProcess(home, *options)
    try:
        service.start()
        yield service
    finally:
        service.kill()
