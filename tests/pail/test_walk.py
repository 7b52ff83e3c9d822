"""The one door: what the reader gives is checked, whatever it says."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from pail import CID, RAW, HashMismatch, MissingBlock, PailError, Walk, cid_of, run, run_async

ONE, TWO = cid_of(RAW, b"one"), cid_of(RAW, b"two")
STORE = {ONE: b"one", TWO: b"two"}


def pair() -> Walk[list[bytes]]:
    first = yield ONE
    rest = yield [TWO, ONE]
    nothing = yield []
    return [first, *rest, *nothing]


def get(cids: Sequence[CID]) -> list[bytes]:
    return [STORE[cid] for cid in cids]


async def get_async(cids: Sequence[CID]) -> list[bytes]:
    await asyncio.sleep(0)
    return get(cids)


def both(walk: Any, reader: Any) -> Any:
    """The result of `run`, which `run_async` must share."""

    async def awaited(cids: Sequence[CID]) -> Any:
        return reader(cids)

    outcomes: list[Any] = []
    for drive in (lambda: run(walk(), reader), lambda: asyncio.run(run_async(walk(), awaited))):
        try:
            outcomes.append(drive())
        except (PailError, AssertionError) as error:
            outcomes.append(error)
    assert type(outcomes[0]) is type(outcomes[1])
    return outcomes[0]


def test_a_walk_is_sent_what_it_asks_for() -> None:
    assert both(pair, get) == [b"one", b"two", b"one"]
    assert asyncio.run(run_async(pair(), get_async)) == [b"one", b"two", b"one"]


def test_a_block_that_does_not_hash_to_its_cid_never_arrives() -> None:
    caught = both(pair, lambda cids: [b"two" for _ in cids])
    assert isinstance(caught, HashMismatch)
    assert caught.cid == ONE


def test_what_the_reader_raises_comes_out_and_the_walk_is_closed() -> None:
    closed: list[bool] = []

    def walk() -> Walk[None]:
        try:
            yield ONE
        finally:
            closed.append(True)

    def nothing(cids: Sequence[CID]) -> list[bytes]:
        raise MissingBlock(cids[0])

    assert isinstance(both(walk, nothing), MissingBlock)
    assert closed == [True, True]


def test_a_reader_that_runs_dry_does_not_end_the_walk() -> None:
    """A stray StopIteration from a reader once looked like the walk's result None."""
    with pytest.raises(StopIteration):
        run(pair(), lambda cids: next(iter(())))


@pytest.mark.parametrize("count", [0, 2])
def test_a_reader_answers_as_many_as_asked(count: int) -> None:
    assert isinstance(both(pair, lambda cids: [b"one"] * count), AssertionError)


def test_a_walk_that_asks_nothing_has_its_result() -> None:
    def walk() -> Walk[int]:
        return 7
        yield ONE

    assert both(walk, get) == 7
