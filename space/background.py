"""One task at a time beside the caller: hashing and disk work that hold no interpreter lock."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread


class Background:
    """Runs tasks in order, never two at once. An error of one is raised by the next call."""

    def __init__(self) -> None:
        self._thread: Thread | None = None
        self._error: Exception | None = None

    def start(self, task: Callable[[], None]) -> None:
        """Begin `task` when the one before has ended. Raises what that one raised."""
        self.wait()
        self._thread = Thread(target=self._run, args=(task,), daemon=True)
        self._thread.start()

    def _run(self, task: Callable[[], None]) -> None:
        try:
            task()
        except Exception as error:  # noqa: BLE001 - raised again by `wait`, in the caller's thread
            self._error = error

    def wait(self) -> None:
        """Return when all is done. Raises what the last task raised."""
        self.settle()
        error, self._error = self._error, None
        if error:
            raise error

    def settle(self) -> None:
        """As `wait`, but an error stays where it is: for a caller who gives up anyway."""
        if self._thread:
            self._thread.join()
            self._thread = None
