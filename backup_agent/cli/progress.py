"""Long work, drawn on standard error: a bar with counts, bytes and rate."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn


class Bar:
    """A `backup_agent.progress.Progress` on the terminal. Draws nothing where standard error is none."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[counts]}"),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._task: TaskID | None = None
        self._name, self._total, self._count, self._size_bytes, self._since = "", None, 0, 0, time.monotonic()

    def __enter__(self) -> Bar:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def phase(self, name: str, total: int | None = None) -> None:
        """Finish the phase before, begin this one."""
        if self._task is not None:
            self._bar.remove_task(self._task)
        self._total: int | None = total
        self._count, self._size_bytes, self._since = 0, 0, time.monotonic()
        self._task = self._bar.add_task(name, total=total, counts="")

    def advance(self, count: int = 0, size_bytes: int = 0) -> None:
        """Count on."""
        self._count += count
        self._size_bytes += size_bytes
        if self._task is not None:
            self._bar.update(self._task, completed=self._count, counts=self._counts())

    def _counts(self) -> str:
        of = f"{self._count:,}" if self._total is None else f"{self._count:,}/{self._total:,}"
        if not self._size_bytes:
            return of
        rate = self._size_bytes / max(time.monotonic() - self._since, 0.001)
        return f"{of} · {decimal(self._size_bytes)} · {decimal(int(rate))}/s"
