"""A backup killed (-9) wherever it is: what was durable is not fetched again, what was recorded is whole."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from backup_agent.run.journal import Journal
from pail import CID, parse_cid
from tests.backup_agent.run.desk import Desk, desk
from tests.faults import Answer, slow
from tests.faulty_host import (
    GET_BLOB,
    GET_LATEST_COMMIT,
    GET_REPO,
    LIST_BLOBS,
    PLC_DOCUMENT,
    PLC_LOG,
    FaultyHost,
)

NEVER = 1 << 30


class Victims:
    """Processes that back up and are killed."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.backup_agent.run.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.pid = 0

    def start(self, host: FaultyHost, folder: Path, *, step: int = NEVER, within_ms: int = 0) -> None:
        """A backup that kills itself at `step` of its file operations, or is killed after a while."""
        assert self._process.stdin
        words = [host.url, host.demo.recording.did, folder, step, within_ms]
        self._process.stdin.write("\t".join(map(str, words)) + "\n")
        self._process.stdin.flush()
        self.pid = int(self._answer())

    def was_killed(self) -> bool:
        """When the last one has ended."""
        return self._answer() == "True"

    def kill(self, answer: Answer) -> Answer:
        """A fault: the host's answer finds nobody."""
        os.kill(self.pid, signal.SIGKILL)
        return answer

    def close(self) -> None:
        self._process.communicate()

    def _answer(self) -> str:
        assert self._process.stdout
        return self._process.stdout.readline().strip()


@pytest.fixture(scope="module")
def victims() -> Iterator[Victims]:
    made = Victims()
    yield made
    made.close()


def durable(laptop: Desk) -> set[CID]:
    """Blobs that need not be fetched again: in the space, under a root that is known."""
    blobs = {parse_cid(cid) for cid in laptop.host.demo.recording.blobs}
    noted = Journal(laptop.home / "journal.jsonl").read()
    return {cid for cid in blobs if laptop.space.has([noted.get(cid, cid)])}


def check_what_is_left(laptop: Desk, *, at_least: int = 0) -> None:
    """The space is readable, its snapshots are whole, and the next run fetches what is missing alone."""
    assert laptop.space.check().whole
    assert laptop.all_whole()
    recorded, kept = len(laptop.entries()), durable(laptop)
    has_repository = laptop.space.has([parse_cid(laptop.host.demo.head.cid)])
    assert recorded or len(kept) >= at_least
    laptop.host.requests.clear()
    outcome = laptop.back_up()
    asked = laptop.host.requests
    assert outcome.whole
    assert outcome.recorded == (recorded == 0)
    assert asked[GET_REPO] == (not has_repository)
    assert asked[GET_BLOB] == (0 if recorded else len(laptop.host.demo.recording.blobs) - len(kept))
    assert laptop.all_whole()


@pytest.mark.parametrize("step", [0, 3, 7, 11, 16, 22, 28, 35, 43, 52, 56, 60])
def test_killed_at_any_file_operation(victims: Victims, host: FaultyHost, tmp_path: Path, step: int) -> None:
    victims.start(host, tmp_path, step=step)
    assert victims.was_killed()
    with desk(host, tmp_path) as laptop:
        check_what_is_left(laptop)


@pytest.mark.parametrize(
    ("method", "after", "kept"),
    [
        (PLC_DOCUMENT, 0, 0),
        (PLC_LOG, 0, 0),
        (GET_LATEST_COMMIT, 0, 0),
        (GET_REPO, 0, 0),
        (LIST_BLOBS, 0, 0),
        (GET_BLOB, 0, 0),
        (GET_BLOB, 3, 2),
        (GET_BLOB, 5, 4),
    ],
)
def test_killed_at_any_request(
    victims: Victims, host: FaultyHost, tmp_path: Path, method: str, after: int, kept: int
) -> None:
    if after:
        host.fault(method, lambda answer: answer, times=after)
    host.fault(method, victims.kill)
    victims.start(host, tmp_path)
    assert victims.was_killed()
    host.heal()
    with desk(host, tmp_path) as laptop:
        check_what_is_left(laptop, at_least=kept)


def test_killed_again_and_again_it_gets_there(victims: Victims, host: FaultyHost, tmp_path: Path) -> None:
    kills = 0
    for step in range(6, 200, 12):
        victims.start(host, tmp_path, step=step)
        if not victims.was_killed():
            break
        kills += 1
        with desk(host, tmp_path) as laptop:
            assert laptop.all_whole()
    assert kills > 2
    with desk(host, tmp_path) as laptop:
        assert len(laptop.snapshots()) == 1
        assert laptop.all_whole()


def test_killed_at_any_time(victims: Victims, host: FaultyHost, tmp_path: Path) -> None:
    for method in (GET_REPO, GET_BLOB):
        host.fault(method, slow(64 << 10, 0.01))
    for number in range(6):
        victims.start(host, tmp_path, within_ms=60 + 80 * number)
        victims.was_killed()
        with desk(host, tmp_path) as laptop:
            assert laptop.space.check().whole
            assert laptop.all_whole()
    host.heal()
    with desk(host, tmp_path) as laptop:
        check_what_is_left(laptop)
