"""Events that no head reaches are found in the shards, and come back."""

from pathlib import Path

import pytest

from pail import encode_block
from pail.event import encode_event
from space import FolderClock, Space, open_folder
from space.unreached import START, _named  # pyright: ignore[reportPrivateUsage]
from tests.space.blocks import DID, agent, put_event


def open_space(path: Path, cache: str) -> Space:
    return open_folder(path / "folder", cache=path / cache, did=DID)


def lose_heads(path: Path) -> None:
    for file in (path / "folder" / "heads").iterdir():
        file.unlink()


def test_lost_heads_are_recovered_from_the_shards(tmp_path: Path) -> None:
    first = put_event((), 1)
    second, other = put_event((first[0].cid,), 2), put_event((), 3)
    with open_space(tmp_path, "cache") as space:
        for event in (first, second, other):
            FolderClock(space, agent(1)).advance(event[0].cid, event)
    lose_heads(tmp_path)
    with open_space(tmp_path, "another") as space:
        clock = FolderClock(space, agent(2))
        newest = sorted([second[0].cid, other[0].cid])
        assert clock.head() == ()
        assert clock.recover() == newest
        assert clock.head() == tuple(newest)
        assert clock.unreached() == []


def test_what_cannot_be_read_or_is_no_operation_is_not_recovered(tmp_path: Path) -> None:
    torn, _ = put_event((), 1)
    with open_space(tmp_path, "cache") as space, space.stage() as stage:
        stage.put_many([torn, encode_event((), "no operation"), encode_block({"data": 1, "parents": 2})])
        stage.publish()
        assert FolderClock(space, agent(1)).unreached() == []


@pytest.mark.parametrize("cut", range(1, 100, 3))
def test_a_name_is_found_wherever_the_pieces_are_cut(cut: int) -> None:
    event, _ = put_event((), 1)
    content = b"x" * 30 + event.cid + event.data
    assert event.data.startswith(START)
    assert list(_named(content[at : at + cut] for at in range(0, len(content), cut))) == [event.cid]
