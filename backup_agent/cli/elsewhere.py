"""Blocks that the place of a space lacks, read from its other places: for commands that only look."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager

from backup_agent.cli.output import print_error
from backup_agent.cli.replicas import FAULTS, others_of
from backup_agent.cli.workbench import Workbench
from backup_agent.placing import open_at
from pail import CID, MissingBlock, Reader
from space import CorruptBlock, Space
from space.opening import parse_where


class Elsewhere:
    """A `space.space.Elsewhere`: the other places of the space of `bench`, opened when they are needed."""

    def __init__(self, bench: Workbench) -> None:
        self._bench = bench
        self._places = [place.where for place in others_of(bench)]
        self._opened: dict[str, Space | None] = {}
        self.fetched = 0
        """Blocks that came from another place."""

    def __call__(self, read: Reader, cids: Sequence[CID]) -> list[bytes]:
        try:
            return list(read(cids))
        except (MissingBlock, CorruptBlock):
            return [self._get(read, cid) for cid in cids]

    def _get(self, read: Reader, cid: CID) -> bytes:
        try:
            return read([cid])[0]
        except (MissingBlock, CorruptBlock):
            for where in self._places:
                content = self._get_at(where, cid)
                if content is not None:
                    self.fetched += 1
                    return content
            raise

    def _get_at(self, where: str, cid: CID) -> bytes | None:
        space = self._open(where)
        try:
            return None if space is None else space.get([cid])[0]
        except (MissingBlock, *FAULTS):
            return None

    def _open(self, where: str) -> Space | None:
        if where not in self._opened:
            bench = self._bench
            self._opened[where] = None
            try:
                found = open_at(bench.home, bench.settings, parse_where(where), bench.space.did, create=False)
                self._opened[where] = found
                found.refresh()
            except FAULTS as error:
                print_error(f"{where} cannot be read either: {error}")
        return self._opened[where]

    def close(self) -> None:
        """Let go of the other places, and say what they were needed for."""
        for space in self._opened.values():
            if space is not None:
                space.close()
        if self.fetched:
            print_error(
                f"{self.fetched:,} blocks were read from another place, as {self._bench.where} lacks them or "
                "has them damaged; `skypail repair` brings them back"
            )


@contextmanager
def reading_elsewhere(bench: Workbench) -> Generator[None]:
    """Read what the place of `bench` lacks from others, for as long as the block lasts."""
    elsewhere = Elsewhere(bench)
    bench.space.elsewhere = elsewhere
    try:
        yield
    finally:
        bench.space.elsewhere = None
        elsewhere.close()
