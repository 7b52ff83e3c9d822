"""The line of jobs, held to what is built on it; what is private to the engine most of all."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from threading import Event, Lock

import pytest

from backup_agent.server.jobs import Jobs, Line
from tests.backup_agent.server.agent_process import until


@dataclass
class Work:
    """Notes every job. gate: jobs wait for it."""

    gate: Event = field(default_factory=Event)
    done: list[str] = field(default_factory=list[str])
    begun: Counter[str] = field(default_factory=Counter[str])
    lock: Lock = field(default_factory=Lock)

    def __call__(self, account: int, job: str) -> None:
        with self.lock:
            self.begun[job] += 1
        self.gate.wait(20)
        with self.lock:
            self.done.append(job)


@pytest.fixture
def work() -> Work:
    return Work()


@pytest.fixture
def jobs(url: str, work: Work) -> Iterator[Jobs]:
    made = Jobs(url, "worker-1", work, slots=4)
    made.start()
    yield made
    work.gate.set()
    made.stop()


def test_jobs_are_done_once_in_their_order_and_forgotten_when_asked(jobs: Jobs, work: Work) -> None:
    names = [f"backup:space:did:{number}" for number in range(8)]
    for number, name in enumerate([*names, names[0]]):
        jobs.put(Line.SCHEDULED, number, name)
    until(lambda: len(work.begun) == 4)
    assert sorted(work.begun) == names[:4]
    assert jobs.open_among([*names, "unknown"]) == set(names)
    assert jobs.waiting() == 4
    work.gate.set()
    until(lambda: not jobs.open_among(names))
    jobs.put(Line.SCHEDULED, 0, names[0])
    assert jobs.open_among(names) == set()
    assert (sorted(work.done), set(work.begun.values())) == (names, {1})
    assert jobs.forget(int(time.time() * 1000) - 60_000) == 0
    assert jobs.forget(int(time.time() * 1000) + 60_000) == 8


def test_now_goes_past_a_full_line(jobs: Jobs, work: Work) -> None:
    for number in range(8):
        jobs.put(Line.SCHEDULED, number, f"scheduled {number}")
    until(lambda: len(work.begun) == 4)
    jobs.put(Line.NOW, 100, "now")
    until(lambda: "now" in work.begun)
    assert len(work.begun) == 5


def test_those_who_call_now_again_and_again_take_no_room_of_what_is_scheduled(jobs: Jobs) -> None:
    for number in range(10):
        jobs.put(Line.NOW, number, f"now {number}")
    assert jobs.waiting() == 0


def test_only_the_jobs_of_the_dead_are_adopted(jobs: Jobs, work: Work) -> None:
    jobs.put(Line.SCHEDULED, 1, "mine")
    until(lambda: work.begun["mine"] == 1)
    assert jobs.adopt([]) == 0
    assert jobs.adopt(["worker-0", "worker-2"]) == 0
    assert jobs.adopt(["worker-1"]) == 1  # declared dead, though it is not: its job stands in line again
    until(lambda: work.begun["mine"] == 2)
