"""A blob of a provider, read by ranges."""

from __future__ import annotations

from collections.abc import Sequence

from space.place import Span
from space.remote.blobs import Blobs, Held

AHEAD_BYTES = 8 << 20
"""Had at once by who reads a blob from end to end."""


class OpenedBlob:
    """An `Opened` blob."""

    def __init__(self, blobs: Blobs, blob: Held) -> None:
        self._blobs = blobs
        self._blob = blob
        self.size = blob.size
        self._ahead = Span(0, 0)
        self._ahead_bytes = b""

    def read(self, offset: int, size: int) -> bytes:
        size = min(size, self.size - offset)
        if size <= 0:
            return b""
        start, length = self._ahead
        if not start <= offset <= offset + size <= start + length:
            goes_on = offset == start + length
            wanted = min(max(size, AHEAD_BYTES if goes_on else 0), self.size - offset)
            self._ahead = Span(offset, wanted)
            [self._ahead_bytes] = self._blobs.read(self._blob, [self._ahead])
        at = offset - self._ahead.offset
        return self._ahead_bytes[at : at + size]

    def read_many(self, spans: Sequence[Span]) -> list[bytes]:
        within = [Span(at, min(size, self.size - at)) for at, size in spans]
        wanted = [span for span in within if span.size > 0]
        if len(wanted) <= 1:
            return [self.read(*span) for span in within]
        found = iter(self._blobs.read(self._blob, wanted))
        return [next(found) if span.size > 0 else b"" for span in within]

    def close(self) -> None:
        self._ahead, self._ahead_bytes = Span(0, 0), b""
