"""A publishing that dies between any two of its steps is finished later, and sends nothing twice."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from backup_agent.hosted import reading
from backup_agent.hosted.asking import Asking
from backup_agent.net import Http
from space import SpaceUnavailable
from tests.backup_agent.hosted.ground import HostedGround
from tests.space.blocks import blocks
from tests.space.faulty_proxy import Fault, run_faulty_proxy

KILLED = 9
CLEAN = multiprocessing.get_context("forkserver")
CLEAN.set_forkserver_preload(["tests.backup_agent.hosted.ground"])

CIDS = [block.cid for block in blocks(0, 10)]


def publish(ground: HostedGround, url: str | None = None) -> None:
    with ground.space("a", url) as space, space.stage() as stage:
        stage.put_many(blocks(0, 10))
        stage.publish()


def killed_at(step: int, work: Callable[[], None]) -> bool:
    """Whether a process that does `work` and is killed before its request number `step` got that far.

    work: can be pickled. The process does not come of this one, whose other threads may hold locks.
    """
    process = CLEAN.Process(target=_work_until, args=(step, work))
    process.start()
    process.join()
    return process.exitcode == KILLED


def _work_until(step: int, work: Callable[[], None]) -> None:
    left = iter(range(step))

    def or_die(work: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any) -> Any:
            if next(left, None) is None:
                os._exit(KILLED)
            return work(*arguments)

        return counted

    Asking.execute_all, Http.put = or_die(Asking.execute_all), or_die(Http.put)  # type: ignore[method-assign]
    try:
        work()
    finally:
        os._exit(0)


def test_killed_between_any_two_steps(ground: HostedGround, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[int] = []
    put = Http.put

    def counted(self: Http, upload: Any) -> Any:
        sent.append(upload.size)
        return put(self, upload)

    monkeypatch.setattr(Http, "put", counted)
    step = 0
    while killed_at(step, partial(publish, ground)):
        step += 1
    assert step >= 5  # each goes on where the one before was killed
    with ground.space("a", resume=True) as space:
        space.refresh()
        assert space.get(CIDS) == [block.data for block in blocks(0, 10)]
        assert space.check().whole
    assert sent == [], "the last of them had sent everything"


def test_what_was_accepted_is_not_sent_again(ground: HostedGround, monkeypatch: pytest.MonkeyPatch) -> None:
    assert killed_at(6, partial(publish, ground))  # both blobs are accepted, the index is not proved
    sent: list[int] = []
    put = Http.put

    def counted(self: Http, upload: Any) -> Any:
        sent.append(upload.size)
        return put(self, upload)

    monkeypatch.setattr(Http, "put", counted)
    with ground.space("a", resume=True) as space:
        assert space.has(CIDS) == set(CIDS)
        with space.stage() as stage:
            assert stage.put_many(blocks(0, 10)) == 0
        assert space.check().whole
    assert sent == []


def test_a_provider_that_dies_in_the_middle_is_said_and_finished_later(
    ground: HostedGround, provider_url: str
) -> None:
    with run_faulty_proxy(provider_url) as proxy:
        proxy.die_at(3)
        with pytest.raises(SpaceUnavailable):
            publish(ground, proxy.url)
    with ground.space("a", resume=True) as space:
        assert space.has(CIDS) == set(CIDS)


@pytest.mark.parametrize(
    "fault",
    [
        Fault.RESET_BEFORE,
        Fault.RESET_AFTER,
        Fault.BUSY,
        Fault.BROKEN,
        Fault.BROKEN_AFTER,
        Fault.CUT,
        Fault.SLOW,
    ],
)
def test_what_goes_wrong_now_and_then_is_tried_again(
    ground: HostedGround, provider_url: str, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "site_of", _at_the_proxy)
    with run_faulty_proxy(provider_url) as proxy:
        proxy.fail_at(lambda number: number % 3 == 1, fault)
        publish(ground, proxy.url)
        with ground.space("b", proxy.url) as space:
            space.refresh()
            assert space.get(CIDS) == [block.data for block in blocks(0, 10)]
        assert len(proxy.asked) > 10


def _at_the_proxy(*_: object) -> None:
    """The provider does not name itself, by which it would be read past the proxy."""


def test_wrong_bytes_are_never_given_out(ground: HostedGround, provider_url: str) -> None:
    publish(ground)
    with run_faulty_proxy(provider_url) as proxy, ground.space("b", proxy.url) as space:
        proxy.fail_at(lambda _number: True, Fault.WRONG_BYTES)
        space.refresh()
        assert space.has(CIDS) == set()
