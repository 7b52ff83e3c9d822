"""Blocks on their way into the space, in as many stages as it takes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, KeysView, Sequence
from types import TracebackType

from pail import CID, Block, Reader
from space import Published, Space

Put = Callable[[list[Block]], None]


class Staging:
    """One stage after another: `flush` makes what is staged durable, leaving drops the rest.

    `get` and `has` see what is staged and what the space has.
    """

    def __init__(self, space: Space) -> None:
        self._space = space
        self._stage = space.stage()
        self.staged_blocks = 0
        """New blocks since the last flush."""
        self.staged_bytes = 0
        self.written_bytes = 0
        """Bytes of blocks that flushes have added to the space."""
        self.written_blocks = 0

    def __enter__(self) -> Staging:
        self._stage.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stage.__exit__(kind, error, trace)

    def put_many(self, blocks: Iterable[tuple[CID, bytes]]) -> None:
        """Stage those of `blocks`, hash-checked by the caller, that are new (S3)."""
        batch = list(blocks)
        new = self._stage.put_many(batch)
        self.staged_blocks += new
        if new:
            self.staged_bytes += sum([len(data) for _, data in batch])

    def get(self, cids: Sequence[CID]) -> list[bytes]:
        """A `pail.Reader` over what is staged and what the space has."""
        return self._stage.get(cids)

    def has(self, cids: Collection[CID]) -> set[CID]:
        """Those of `cids` that are staged or in the space."""
        return self._stage.has(cids)

    @property
    def staged(self) -> KeysView[CID]:
        """The blocks that were staged since the last flush, hashed on their way in."""
        return self._stage.staged

    def flush(self) -> Published:
        """Make what is staged durable (S1), and go on with an empty stage."""
        with self._stage as stage:
            published = stage.publish()
        self.written_bytes += published.size_bytes
        self.written_blocks += published.blocks
        self._restart()
        return published

    def keep_only(self, copy: Callable[[Reader, Put], object]) -> None:
        """Stage anew what `copy` reads from the present stage and puts, and drop everything else."""
        old = self._stage
        self._restart()
        try:
            copy(old.get, self.put_many)
        finally:
            old.__exit__(None, None, None)

    def _restart(self) -> None:
        self._stage = self._space.stage()
        self._stage.__enter__()
        self.staged_blocks = self.staged_bytes = 0
