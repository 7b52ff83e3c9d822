"""Parity beside a shard: Reed-Solomon, so that what is damaged in it can be computed (spec/space.md).

The object is cut into slices, and slices that are far apart make a group: so a run of lost sectors
takes a few of each group, not many of one. Each slice has a checksum, which says where the damage is;
a group bears as many damaged slices as it has slices of parity.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

from pail import DecodeError, PailError, decode_dag_cbor, encode_dag_cbor
from pail.car import MAX_SHARD_BYTES
from pail.fields import Fields
from space.layout import PARITY_SUFFIX, SHARDS
from space.place import Draft, Entry, Opened, Place, Span

VERSION = 1

SLICE_BYTES = 4096
"""One sector of today's disks."""

GROUP_SLICES = 100
"""Slices of data in a group at most, so that a percentage is a number of slices."""

MAX_PERCENT = 100

SUM_BYTES = 8
"""Of each checksum: it finds damage; that the result is right is for the shard's CID to say."""

MAX_TABLE_BYTES = 2 << 20

MAX_OBJECT_BYTES = 2 * MAX_SHARD_BYTES
"""Of an object with parity, as it rests."""

MAX_TRIES = 16
"""Places of a parity object's end that may look like a table; by chance not even one does."""

_DIGEST_BYTES = 32
_LENGTH_BYTES = 4


@dataclass(frozen=True, slots=True)
class Table:
    """size: of the object in bytes. parity: slices of it in each group. sums: of all slices, data first."""

    size: int
    parity: int
    sums: bytes

    @property
    def slices(self) -> int:
        return -(-self.size // SLICE_BYTES)

    @property
    def groups(self) -> int:
        return -(-self.slices // GROUP_SLICES)

    @property
    def width(self) -> int:
        """Slices of data in a group; those past the end are zeros."""
        return -(-self.slices // self.groups)

    def sum_of(self, number: int) -> bytes:
        return self.sums[number * SUM_BYTES : (number + 1) * SUM_BYTES]

    def members(self, group: int) -> range:
        """The slices of data of a group, those past the end among them."""
        return range(group, group + self.width * self.groups, self.groups)


def parity_name(shard_name: str) -> str:
    """The object beside the shard object `shard_name`."""
    return shard_name + PARITY_SUFFIX


def add_parity(place: Place, entry: Entry, percent: int) -> int:
    """Write the parity of a shard object, of 1 to MAX_PERCENT of its size; the bytes written.

    Raises FileNotFoundError, SpaceUnavailable. Holds one group at a time.
    """
    assert 0 < percent <= MAX_PERCENT
    draft = place.draft(SHARDS)
    try:
        with closing(place.open(SHARDS, entry)) as opened:
            size_bytes = _write(draft, opened, _plan(entry.size, percent))
        place.publish(SHARDS, [(draft, parity_name(entry.name))])
    finally:
        draft.drop()
    return size_bytes


def parity_bytes(size: int, percent: int) -> int:
    """The bytes of a parity object, for a shard object of `size` bytes."""
    plan = _plan(size, percent)
    return plan.groups * plan.parity * SLICE_BYTES + 2 * len(_encode_table(_blank(plan)))


def _plan(size: int, percent: int) -> Table:
    """Without sums."""
    return Table(size, max(1, -(-Table(size, 0, b"").width * percent // 100)), b"")


def _blank(plan: Table) -> Table:
    return replace(plan, sums=bytes(SUM_BYTES * (plan.slices + plan.groups * plan.parity)))


def _write(draft: Draft, opened: Opened, plan: Table) -> int:
    import zfec

    data_sums: list[bytes] = [_sum(opened.read(at, SLICE_BYTES)) for at in range(0, plan.size, SLICE_BYTES)]
    blank = _encode_table(_blank(plan))
    encoder = zfec.Encoder(plan.width, plan.width + plan.parity)
    parity_sums: list[bytes] = []
    for group in range(plan.groups):
        made = encoder.encode(
            _read_group(opened, plan, group), list(range(plan.width, plan.width + plan.parity))
        )
        parity_sums += [_sum(slice_) for slice_ in made]
        draft.write(b"".join(made))
    table = _encode_table(Table(plan.size, plan.parity, b"".join(data_sums + parity_sums)))
    assert len(table) == len(blank)
    draft.write(table + table)  # twice: what is lost with one is in the other
    return plan.groups * plan.parity * SLICE_BYTES + 2 * len(table)


def _sum(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()[:SUM_BYTES]


def _read_group(opened: Opened, table: Table, group: int) -> list[bytes]:
    spans = [Span(number * SLICE_BYTES, SLICE_BYTES) for number in table.members(group)]
    return [part.ljust(SLICE_BYTES, b"\0") for part in opened.read_many(spans)]


def heal(place: Place, entry: Entry) -> Healed | None:
    """The object `entry` with all that its parity can compute put right; None without good parity.

    Whether that is all of it is for the caller to see. Holds what is damaged, and one group.
    """
    table, parity = _load(place, entry)
    if table is None or parity is None:
        return None
    opened = place.open(SHARDS, entry)
    healed = Healed(opened, table.size, {})
    with closing(parity):
        bad: dict[int, list[int]] = {}
        for number in range(table.slices):
            if _sum(opened.read(number * SLICE_BYTES, SLICE_BYTES)) != table.sum_of(number):
                bad.setdefault(number % table.groups, []).append(number)
        for group, numbers in bad.items():
            made = _compute(opened, parity, table, group, set(numbers))
            healed.fixes.update({number: made[number] for number in numbers if made})
    return healed


def _compute(opened: Opened, parity: Opened, table: Table, group: int, bad: set[int]) -> dict[int, bytes]:
    """The slices of data of a group, by number; none if too many are damaged."""
    import zfec

    members = table.members(group)
    data = zip(range(table.width), members, _read_group(opened, table, group), strict=True)
    shares = {share: content for share, number, content in data if number not in bad}
    first = group * table.parity
    for share in range(table.parity):
        content = parity.read((first + share) * SLICE_BYTES, SLICE_BYTES)
        if _sum(content) == table.sum_of(table.slices + first + share):
            shares[table.width + share] = content
    if len(shares) < table.width:
        return {}
    chosen = sorted(shares)[: table.width]
    decoder = zfec.Decoder(table.width, table.width + table.parity)
    return dict(zip(members, decoder.decode([shares[share] for share in chosen], chosen), strict=True))


class Healed:
    """An `Opened` over a damaged object: slices that were computed stand in for those that are there."""

    def __init__(self, opened: Opened, size: int, fixes: dict[int, bytes]) -> None:
        self._opened = opened
        self.size = size
        self.fixes = fixes

    def read(self, offset: int, size: int) -> bytes:
        end = min(offset + size, self.size)
        parts: list[bytes] = []
        while offset < end:
            number, inside = divmod(offset, SLICE_BYTES)
            take = min(SLICE_BYTES - inside, end - offset)
            fix = self.fixes.get(number)
            part = self._opened.read(offset, take) if fix is None else fix[inside : inside + take]
            parts.append(part.ljust(take, b"\0"))
            offset += take
        return b"".join(parts)

    def read_many(self, spans: Sequence[Span]) -> list[bytes]:
        return [self.read(offset, size) for offset, size in spans]

    def close(self) -> None:
        self._opened.close()


def _encode_table(table: Table) -> bytes:
    content = encode_dag_cbor(
        {"version": VERSION, "size": table.size, "parity": table.parity, "sums": table.sums}
    )
    return len(content).to_bytes(_LENGTH_BYTES, "big") + content + hashlib.sha256(content).digest()


def decode_table(content: bytes) -> Table:
    """The table of a parity object. Raises DecodeError for one that no object could have."""
    fields = Fields("parity", decode_dag_cbor(content))
    if fields.take("version", int) != VERSION:
        raise DecodeError("parity of a version that this skypail does not know")
    table = Table(fields.count("size"), fields.count("parity"), fields.take("sums", bytes))
    fields.done()
    if not 0 < table.size <= MAX_OBJECT_BYTES or not 0 < table.parity <= GROUP_SLICES:
        raise DecodeError("parity of nothing, or more than there is data")
    if len(table.sums) != SUM_BYTES * (table.slices + table.groups * table.parity):
        raise DecodeError("parity without a checksum for each slice")
    return table


def _load(place: Place, entry: Entry) -> tuple[Table | None, Opened | None]:
    """The table beside an object, from whichever copy of it is good, and the object of parity."""
    found = [each for each in place.list(SHARDS) if each.name == parity_name(entry.name)]
    if not found:
        return None, None
    parity = place.open(SHARDS, found[0])
    tail_bytes = min(parity.size, 2 * MAX_TABLE_BYTES)
    for content in _tables(parity.read(parity.size - tail_bytes, tail_bytes)):
        try:
            return decode_table(content), parity
        except PailError:
            continue
    parity.close()
    return None, None


def _tables(tail: bytes) -> Iterator[bytes]:
    """What has the length and the hash of a table, if it stands last or last but one."""
    around = _LENGTH_BYTES + _DIGEST_BYTES
    tries = 0
    for length in range(1, len(tail) - around + 1):
        head = length.to_bytes(_LENGTH_BYTES, "big")
        for copies in (1, 2):
            at = len(tail) - copies * (length + around)
            if at >= 0 and tail.startswith(head, at):
                tries += 1
                if tries > MAX_TRIES:  # made to be hashed a million times
                    return
                content = tail[at + _LENGTH_BYTES : at + _LENGTH_BYTES + length]
                if hashlib.sha256(content).digest() == tail[at + _LENGTH_BYTES + length :][:_DIGEST_BYTES]:
                    yield content
