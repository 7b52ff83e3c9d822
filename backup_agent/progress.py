"""What long work tells whoever watches: phases, counts and bytes. The shell draws them."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Is told of the work as it goes; must be quick and must not raise."""

    def phase(self, name: str, total: int | None = None) -> None:
        """A new phase begins: `name` in words, of `total` things if that is known."""
        ...

    def advance(self, count: int = 0, size_bytes: int = 0) -> None:
        """`count` more things are done, and `size_bytes` more bytes."""
        ...


class Unwatched:
    """Nobody watches."""

    def phase(self, name: str, total: int | None = None) -> None:
        """Say nothing."""

    def advance(self, count: int = 0, size_bytes: int = 0) -> None:
        """Say nothing."""
