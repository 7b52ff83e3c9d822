"""Further worker processes beside the one that answers: started with it, started anew when they die."""

from __future__ import annotations

import logging
import multiprocessing
import signal
import threading
from collections.abc import Callable, Sequence
from multiprocessing.process import BaseProcess
from threading import Event, Thread
from typing import Any

FIRST_PAUSE_S = 1.0
MAX_PAUSE_S = 30.0
LOOK_EVERY_S = 1.0
STOP_TIMEOUT_S = 20.0

log = logging.getLogger(__name__)

Work = Callable[..., None]
"""Works in a process of its own until it is told to stop by SIGTERM. It and its arguments can be pickled."""


class Siblings:
    """`number` processes that do `work`."""

    def __init__(self, number: int, work: Work, arguments: Sequence[Any]) -> None:
        self._context = multiprocessing.get_context("spawn")
        self._work = work
        self._arguments = tuple(arguments)
        self._processes: list[BaseProcess] = [self._start() for _ in range(number)]
        self._stopping = Event()
        self._thread = Thread(target=self._look_after, name="siblings", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Tell all to stop, and see that they do."""
        self._stopping.set()
        self._thread.join()
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.join(STOP_TIMEOUT_S)
            if process.is_alive():
                process.kill()
                process.join()

    def _start(self) -> BaseProcess:
        process = self._context.Process(target=self._work, args=self._arguments, daemon=True)
        process.start()
        return process

    def _look_after(self) -> None:
        pause_s = FIRST_PAUSE_S
        while not self._stopping.wait(LOOK_EVERY_S):
            dead = [each for each in self._processes if not each.is_alive()]
            if not dead:
                pause_s = FIRST_PAUSE_S
                continue
            log.error("worker ended", extra={"why": f"exit codes {[each.exitcode for each in dead]}"})
            if self._stopping.wait(pause_s):
                return
            pause_s = min(2 * pause_s, MAX_PAUSE_S)
            alive = [each for each in self._processes if each not in dead]
            self._processes = [*alive, *(self._start() for _ in dead)]


def wait_to_stop() -> None:
    """Return when this process is told to stop, or when the one that started it is gone."""
    told = threading.Event()
    signal.signal(signal.SIGTERM, lambda _number, _frame: told.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal tells all; the parent decides
    parent = multiprocessing.parent_process()
    while not told.wait(LOOK_EVERY_S):
        if parent is not None and not parent.is_alive():
            return
