"""A shard that the provider has damaged is sent again: whatever goes wrong, what was good of it stays."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from backup_agent.hosted.asking import Asking, ProviderRefused
from backup_agent.net import Http
from pail import CAR, cid_of
from space import SpaceError, SpaceFull, SpaceUnavailable
from space.layout import SHARDS, index_name, shard_name
from space.place import Entry, Span
from tests.backup_agent.hosted.ground import HostedGround
from tests.backup_agent.hosted.test_interrupted import killed_at
from tests.provider.made import index_of, shard_of


class Damaged:
    """A shard of two blocks, of which the provider has damaged the second."""

    def __init__(self, ground: HostedGround) -> None:
        self.good = uuid4().bytes * 20  # tests share the provider, and what it holds once
        self.content, slices, _ = shard_of(self.good, b"lost" * 100)
        self._index, self._good_at = index_of(self.content, slices), Span(slices[0].offset, slices[0].length)
        cid = cid_of(CAR, self.content)
        self._name, self._index_name = shard_name(cid), index_name(cid)
        self._ground = ground
        ground.place("a").make_ready()
        self.publish()
        ground.damage(SHARDS, self._name, self.content[:-1] + b"x")

    def publish(self) -> None:
        place = self._ground.place("a")
        drafts = [(place.draft(SHARDS), self._name), (place.draft(SHARDS), self._index_name)]
        try:
            for (draft, _), content in zip(drafts, (self.content, self._index), strict=True):
                draft.write(content)
            place.publish(SHARDS, drafts)
        finally:
            for draft, _ in drafts:
                draft.drop()

    def holds_good(self) -> bool:
        return self._read(self._good_at) == self.good

    def is_whole(self) -> bool:
        return self._read(Span(0, len(self.content))) == self.content

    def _read(self, span: Span) -> bytes:
        """As a machine does that knows nothing yet."""
        place, entry = self._ground.place("fresh"), Entry(self._name, len(self.content), "1")
        assert entry in place.list(SHARDS)
        return place.open(SHARDS, entry).read(*span)


@pytest.fixture
def damaged(ground: HostedGround) -> Damaged:
    return Damaged(ground)


def test_killed_at_any_step_nothing_good_is_lost(damaged: Damaged) -> None:
    step = 0
    while killed_at(step, damaged.publish):
        assert damaged.holds_good()
        step += 1
    assert step >= 4
    assert damaged.is_whole()


@pytest.mark.parametrize(
    "error", [SpaceFull("no room"), ProviderRefused("no", "No"), SpaceUnavailable("dead")]
)
def test_refused_at_any_step_nothing_good_is_lost(
    damaged: Damaged, monkeypatch: pytest.MonkeyPatch, error: SpaceError
) -> None:
    step = 0
    while _refused_at(step, damaged, monkeypatch, error):
        assert damaged.holds_good()
        step += 1
    assert step >= 4
    assert damaged.is_whole()


def _refused_at(step: int, damaged: Damaged, monkeypatch: pytest.MonkeyPatch, error: SpaceError) -> bool:
    """Whether what refuses its request number `step` was asked that often."""
    left = iter(range(step))

    def or_refuse(work: Any) -> Any:
        async def counted(*arguments: Any) -> Any:
            if next(left, None) is None:
                raise error
            return await work(*arguments)

        return counted

    with monkeypatch.context() as patched:
        patched.setattr(Asking, "execute_all", or_refuse(Asking.execute_all))
        patched.setattr(Http, "put", or_refuse(Http.put))
        try:
            damaged.publish()
        except SpaceError:
            return True
    return False
