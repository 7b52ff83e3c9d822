"""Objects from far away that are read from end to end, several fetched at once while one is looked at."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from itertools import islice

from space.layout import SHARDS
from space.place import Entry, Opened, Place, Span

MAX_AHEAD_BYTES = 4 << 20
"""A larger object is not fetched ahead: so a place that may be asked for 8 at once costs 36 MiB."""


class FetchedObject:
    """An `Opened` object whose bytes are here."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.size = len(content)

    def read(self, offset: int, size: int) -> bytes:
        return self._content[offset : offset + size]

    def read_many(self, spans: Sequence[Span]) -> list[bytes]:
        return [self.read(*span) for span in spans]

    def close(self) -> None:
        self._content = b""


def opened_ahead(place: Place, entries: Sequence[Entry]) -> Iterator[tuple[Entry, Opened | None]]:
    """Each shard object in order, and its bytes if they were fetched: None for one that is large or gone.

    Up to `place.at_once` are on their way. Raises SpaceUnavailable.
    """
    if place.at_once <= 1:
        yield from ((entry, None) for entry in entries)
        return
    rest = iter(entries)
    under_way: deque[tuple[Entry, Future[Opened | None]]] = deque()
    with ThreadPoolExecutor(place.at_once) as pool:
        try:
            while True:
                for entry in islice(rest, place.at_once - len(under_way)):
                    under_way.append((entry, pool.submit(_fetch, place, entry)))
                if not under_way:
                    return
                entry, fetched = under_way.popleft()
                yield entry, fetched.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _fetch(place: Place, entry: Entry) -> Opened | None:
    if entry.size > MAX_AHEAD_BYTES:
        return None
    try:
        with closing(place.open(SHARDS, entry)) as opened:
            return FetchedObject(opened.read(0, opened.size))
    except FileNotFoundError:
        return None
