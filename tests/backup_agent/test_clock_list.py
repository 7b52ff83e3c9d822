"""The clocks that a space uses, as they stand in the home."""

from pathlib import Path

import pytest

from backup_agent.clock_list import MAX_CLOCKS, ClockList, KnownClock
from backup_agent.errors import HomeUnusable

SPACE = "did:key:z6MkoBPjMzBFn7dGjDRqhNEsXjdVjGVsFbXyYVUQ2nnzEvXX"
DID = "did:key:z6MkwXG2WjeQnNxSoynSGYU8V9j3QzP3JSqhdmkHc6SaVWoT"
ONE, TWO = KnownClock("https://one.example", DID), KnownClock("https://two.example", "did:web:two.example")


@pytest.fixture
def clocks(tmp_path: Path) -> ClockList:
    return ClockList(tmp_path, SPACE)


def test_they_are_kept_in_order(clocks: ClockList, tmp_path: Path) -> None:
    assert clocks.load() == []
    clocks.add(ONE)
    clocks.add(TWO)
    assert ClockList(tmp_path, SPACE).load() == [ONE, TWO]
    assert ClockList(tmp_path, DID).load() == []


def test_one_at_a_url_is_replaced(clocks: ClockList) -> None:
    clocks.add(ONE)
    clocks.add(ONE._replace(did="did:web:one.example"))
    assert [clock.did for clock in clocks.load()] == ["did:web:one.example"]


def test_one_is_removed_once(clocks: ClockList) -> None:
    clocks.add(ONE)
    assert clocks.remove(ONE.url)
    assert not clocks.remove(ONE.url)
    assert clocks.load() == []


def test_there_is_a_limit(clocks: ClockList) -> None:
    many = [KnownClock(f"https://{number}.example", DID) for number in range(MAX_CLOCKS)]
    clocks.set(many)
    with pytest.raises(HomeUnusable, match="no more than"):
        clocks.add(ONE)
    assert clocks.load() == many


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b'{"version": 2, "clocks": []}',
        b'{"version": 1, "clocks": [{"url": "x"}]}',
        b"\xff",
        b"[" * 5000,
    ],
)
def test_a_file_that_is_none_of_ours(clocks: ClockList, tmp_path: Path, content: bytes) -> None:
    clocks.add(ONE)
    (path,) = tmp_path.iterdir()
    path.write_bytes(content)
    with pytest.raises(HomeUnusable):
        clocks.load()
