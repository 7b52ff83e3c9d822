"""A service process: started, asked, stopped and killed."""

import asyncio
import json
import os
import resource
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from clock_service import open_store, patience
from clock_service.errors import BadKeyFile
from clock_service.key_file import load_or_make_key
from pail import CID
from tests.clock_service.agent import make
from tests.clock_service.calls import HEADERS, SPACE, advance
from tests.clock_service.test_concurrency import check
from ucan import decode_message, encode_request

ROOT = Path(__file__).parents[2]
KILLS = int(os.environ.get("SKYPAIL_TEST_ROUNDS", "5"))


@contextmanager
def running(folder: Path, guard: str = "when-possible", database: str = ""):
    """A service over `folder`, and what it said when it began to answer. database: SQLite there, if none."""
    url = database or f"sqlite:///{folder}/clock.db"
    command = [sys.executable, "-m", "tests.clock_service.child", folder / "key", url, guard]
    with (
        (folder / "log").open("ab") as log,
        subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=log, text=True) as process,
    ):
        assert process.stdout is not None
        try:
            yield process, json.loads(process.stdout.readline())
        finally:
            process.kill()


def test_a_service_says_where_it_is_once_it_answers_and_stops_when_asked(tmp_path) -> None:
    with running(tmp_path) as (process, started):
        assert started["pid"] == process.pid
        assert httpx.get(f"{started['url']}/health").json() == {"status": "ok", "did": started["did"]}
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    with running(tmp_path) as (_, again):
        assert again["did"] == started["did"]
    assert load_or_make_key(tmp_path / "key").format() not in (tmp_path / "log").read_text()


def test_logs_are_lines_of_json(tmp_path) -> None:
    with running(tmp_path) as (process, _):
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
    lines = (tmp_path / "log").read_text().splitlines()
    assert lines
    assert all({"at", "level", "event"} <= json.loads(line).keys() for line in lines)


def test_a_huge_body_is_refused_while_others_are_answered(tmp_path) -> None:
    with running(tmp_path) as (process, started):
        before = memory_mib(process.pid)
        response = httpx.post(started["url"], headers=HEADERS, content=(bytes(1 << 20) for _ in range(100)))
        assert response.status_code == 413
        assert httpx.get(f"{started['url']}/health").status_code == 200
        assert memory_mib(process.pid) < before + 64


def test_more_slow_connections_than_it_keeps_cost_little_and_others_are_answered(tmp_path) -> None:
    count = patience.MAX_CONNECTIONS + 1000
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, count + 500)), hard))
    with running(tmp_path) as (process, started), ExitStack() as stack:
        before = memory_mib(process.pid)
        place = urlsplit(started["url"])
        for number in range(count):
            slow = stack.enter_context(socket.create_connection((place.hostname, place.port)))
            slow.send(b"POST / HTTP/1.1\r\nhost: clock")
            if number % 500 == 499:
                assert httpx.get(f"{started['url']}/health").status_code == 200
        assert memory_mib(process.pid) < before + 64


def memory_mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


async def load(url: str, did: str, round_number: int, enough: int, kill) -> list[CID]:
    """Advances, eight at once, until `enough` were acknowledged; then `kill` in the midst of others."""
    acknowledged: list[CID] = []

    async def work(client: httpx.AsyncClient, name: str) -> None:
        parents: tuple[CID, ...] = ()
        for step in range(10_000):
            event = make(parents, f"{name}/{step}")
            asked = advance(event.cid, [event], to=did)
            try:
                response = await client.post(url, headers=HEADERS, content=encode_request([asked]))
            except httpx.HTTPError:
                return
            receipt = decode_message(response.content).receipt(asked.cid)
            assert receipt is not None
            assert "ok" in receipt.out
            acknowledged.append(event.cid)
            parents = (event.cid,)
            if len(acknowledged) == enough:
                kill()

    async with httpx.AsyncClient(timeout=20) as client:
        await asyncio.gather(*(work(client, f"{round_number}/{each}") for each in range(8)))
    return acknowledged


def test_a_service_killed_under_load_again_and_again_loses_nothing_it_acknowledged(tmp_path, url) -> None:
    acknowledged: list[CID] = []
    for round_number in range(KILLS):
        with running(tmp_path, database=url) as (process, started):
            enough = 60 + 7 * round_number
            acknowledged += asyncio.run(
                load(started["url"], started["did"], round_number, enough, process.kill)
            )
            assert process.wait() == -signal.SIGKILL
        store = open_store(url)
        check(store, acknowledged, SPACE)
        store.close()
    assert len(set(acknowledged)) == len(acknowledged) >= KILLS * 60


def test_a_key_is_made_once_for_its_owner_alone(tmp_path) -> None:
    path = tmp_path / "new" / "key"
    key = load_or_make_key(path)
    assert load_or_make_key(path).format() == key.format()
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["key"]


def test_a_key_that_others_can_read_is_refused(tmp_path) -> None:
    load_or_make_key(tmp_path / "key")
    (tmp_path / "key").chmod(0o644)
    with pytest.raises(BadKeyFile, match="chmod 600"):
        load_or_make_key(tmp_path / "key")


def test_what_is_no_key_is_refused_and_not_shown(tmp_path) -> None:
    path = tmp_path / "key"
    path.write_text("secret nonsense")
    path.chmod(0o600)
    with pytest.raises(BadKeyFile) as caught:
        load_or_make_key(path)
    assert "nonsense" not in str(caught.value)
