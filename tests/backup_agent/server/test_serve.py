"""The household form, end to end at the command line: an owner who goes away, an operator who looks."""

from __future__ import annotations

import json
import shutil
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backup_agent.home import Home
from backup_agent.scheduled import RENEW_BELOW_S, Scheduled, ScheduledList
from backup_agent.server import run_rows
from backup_agent.server.account import Result, RunNote
from backup_agent.server.database import open_database
from tests.backup_agent.cli.clock_process import ClockProcess
from tests.backup_agent.cli.shell import STRANGER, Said, Shell
from tests.backup_agent.server.agent_process import AgentProcess, running_agent, until
from tests.backup_agent.server.rows import NOW_MS, Book
from tests.faulty_host import FaultyHost


@pytest.fixture
def server(tmp_path: Path, environ: dict[str, str]) -> Iterator[AgentProcess]:
    with running_agent(tmp_path / "server", environ, "--folder", tmp_path) as process:
        yield process


@pytest.fixture
def space(tmp_path: Path) -> Path:
    return tmp_path / "space"


def ask(owner: Shell, *arguments: str | Path) -> Any:
    said = owner(*arguments, "--json")
    assert said.code == 0, said.err
    return said.document


def schedule(owner: Shell, did: str, server: AgentProcess, space: Path, *more: str) -> Any:
    return ask(owner, "schedule", did, "--server", server.url, "--every", "hourly", "--space", space, *more)


def wait_for_a_run(owner: Shell, did: str, space: str | Path) -> Any:
    def status() -> Any:
        return owner("schedule", "status", did, "--space", space, "--json").document

    until(lambda: "lastRun" in status())
    return status()


def test_an_account_is_backed_up_while_its_owner_is_away(
    owner: Shell, host: FaultyHost, clock: ClockProcess, server: AgentProcess, space: Path
) -> None:
    did = host.demo.recording.did
    ask(owner, "clock", "use", clock.url, "--space", space)
    scheduled = schedule(owner, did, server, space)
    assert (scheduled["server"], scheduled["state"]) == (server.url, "due")
    status = wait_for_a_run(owner, did, space)
    assert (status["lastRun"]["result"], status["state"]) == ("recorded", "waiting"), status
    listed = ask(owner, "snapshots", "--space", space)["snapshots"]
    assert [each["account"] for each in listed] == [did]
    assert ask(owner, "show", "latest", "--space", space)["certificate"]["agent"] == server.did
    shutil.rmtree(owner.home)
    assert owner("verify", "--space", space).code == 0


def test_the_owner_looks_pauses_resumes_and_takes_it_back(
    owner: Shell, host: FaultyHost, clock: ClockProcess, server: AgentProcess, space: Path
) -> None:
    did = host.demo.recording.did
    ask(owner, "clock", "use", clock.url, "--space", space)
    schedule(owner, did, server, space, "--keep", "daily=7", "--until", "30d")
    wait_for_a_run(owner, did, space)
    said = owner("schedule", "status", did, "--space", space)
    for words in ("waiting for its next run", "hourly", "29 days left", "300 records", "Next run"):
        assert words in said.out, said.out
    (row,) = ask(owner, "schedule", "list", "--space", space)["scheduled"]
    assert (row["account"], row["keep"]) == (did, "daily=7")
    assert ask(owner, "schedule", "pause", did, "--space", space)["state"] == "paused"
    refused = owner("schedule", "now", did, "--space", space)
    assert (refused.code, "resume" in refused.err) == (1, True)
    assert ask(owner, "schedule", "resume", did, "--space", space)["state"] in ("due", "running", "waiting")
    delegation = next(each for each in ask(owner, "agent", "list")["delegations"] if each["kind"] == "issued")
    assert ask(owner, "schedule", "remove", did, "--space", space)["removed"] is True
    kinds = {each["cid"]: each["kind"] for each in ask(owner, "agent", "list")["delegations"]}
    assert kinds[delegation["cid"]] == "revoked"
    assert ask(owner, "schedule", "list", "--space", space)["scheduled"] == []


def test_what_was_delegated_before_a_change_of_the_schedule_is_taken_back_too(
    owner: Shell, host: FaultyHost, clock: ClockProcess, server: AgentProcess, space: Path
) -> None:
    did = host.demo.recording.did
    ask(owner, "clock", "use", clock.url, "--space", space)
    for _ in range(2):
        schedule(owner, did, server, space)
    ask(owner, "schedule", "remove", did, "--space", space)
    kinds = [each["kind"] for each in ask(owner, "agent", "list")["delegations"]]
    assert kinds == ["revoked", "revoked"]


def test_a_space_made_by_scheduling_says_how_to_keep_its_key(
    owner: Shell, host: FaultyHost, server: AgentProcess, space: Path
) -> None:
    said = owner(
        "schedule", host.demo.recording.did, "--server", server.url, "--every", "2h", "--space", space
    )
    assert f"`skypail space key export --space {space}`" in said.out


def test_agent_revoke_tells_the_server_too(
    owner: Shell, host: FaultyHost, server: AgentProcess, space: Path
) -> None:
    did = host.demo.recording.did
    schedule(owner, did, server, space)
    wait_for_a_run(owner, did, space)
    (delegation,) = ask(owner, "agent", "list")["delegations"]
    assert ask(owner, "agent", "revoke", delegation["cid"])["revokedAt"] == [server.url]
    status = owner("schedule", "status", did, "--space", space, "--json")
    assert (status.code, status.document["state"]) == (3, "ended")


def test_what_was_revoked_is_not_renewed(
    owner: Shell, host: FaultyHost, server: AgentProcess, space: Path
) -> None:
    did = host.demo.recording.did
    schedule(owner, did, server, space)
    wait_for_a_run(owner, did, space)
    kept, found = scheduled_in(owner, space)
    ask(owner, "agent", "revoke", found.delegation)
    kept.add(replace(found, expires=found.expires - RENEW_BELOW_S))
    assert owner("backup", did, "--space", space).code == 0
    assert owner("schedule", "status", did, "--space", space, "--json").document["state"] == "ended"
    assert kept.load()[0].delegation == found.delegation
    assert schedule(owner, did, server, space)["state"] == "due"


def test_what_was_removed_is_scheduled_again_to_the_same_end(
    owner: Shell, host: FaultyHost, server: AgentProcess, space: Path
) -> None:
    did = host.demo.recording.did
    ends = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 40 * 86_400))
    schedule(owner, did, server, space, "--until", ends)
    ask(owner, "schedule", "remove", did, "--space", space)
    assert schedule(owner, did, server, space, "--until", ends)["state"] == "due"


def scheduled_in(owner: Shell, space: Path) -> tuple[ScheduledList, Scheduled]:
    did = ask(owner, "clock", "head", "--space", space)["space"]
    kept = ScheduledList(Home(owner.home).servers, did)
    (found,) = kept.load()
    return kept, found


def test_a_backup_renews_what_will_end_and_says_what_it_cannot(
    owner: Shell, host: FaultyHost, server: AgentProcess, space: Path
) -> None:
    did = host.demo.recording.did
    schedule(owner, did, server, space)
    kept, found = scheduled_in(owner, space)
    kept.add(replace(found, expires=found.expires - RENEW_BELOW_S))
    assert owner("backup", did, "--space", space).code == 0
    renewed = kept.load()[0]
    assert renewed.delegation != found.delegation
    assert renewed.expires >= found.expires
    kept.add(replace(renewed, expires=renewed.expires - 85 * 86_400 + 3600))
    server.kill()
    said = owner("backup", did, "--space", space)
    assert said.code == 0
    assert f"the delegation for {did} to {server.url}: 5 days left" in said.err
    assert "cannot be asked" in said.err


def test_what_was_removed_from_another_machine_stays_removed(
    owner: Shell, host: FaultyHost, server: AgentProcess, space: Path, capsys: Any, monkeypatch: Any
) -> None:
    did = host.demo.recording.did
    schedule(owner, did, server, space)
    wait_for_a_run(owner, did, space)
    second = Shell(owner.home.with_name("second"), capsys, monkeypatch, owner.environ)
    shutil.copytree(owner.home, second.home)
    ask(owner, "schedule", "remove", did, "--space", space)
    kept, found = scheduled_in(second, space)
    kept.add(replace(found, expires=found.expires - RENEW_BELOW_S))
    said = second("backup", did, "--space", space)
    assert (said.code, "was taken off the schedule" in said.err) == (0, True)
    assert kept.load() == []
    assert ask(owner, "schedule", "list", "--space", space, "--server", server.url)["scheduled"] == []


def test_what_the_operator_sees(
    owner: Shell, host: FaultyHost, server: AgentProcess, space: Path, capsys: Any, monkeypatch: Any
) -> None:
    did = host.demo.recording.did
    schedule(owner, did, server, space)
    wait_for_a_run(owner, did, space)
    operator = Shell(server.log.with_suffix(""), capsys, monkeypatch)

    def look(what: str) -> Any:
        said: Said = operator("serve", what, "--json")
        assert said.code == 0, said.err
        assert operator("serve", what).code == 0
        return said.document[what]

    assert [(each["account"], each["state"]) for each in look("accounts")] == [(did, "waiting")]
    assert [(each["result"], each["host"]) for each in look("runs")] == [("recorded", "localhost")]
    assert [each["host"] for each in look("hosts")] == ["localhost"]
    assert [each["state"] for each in look("workers")] == ["alive"]
    lines = [json.loads(line) for line in server.log.read_text().splitlines()]
    (run,) = [line for line in lines if line["event"] == "run"]
    assert (run["account"], run["result"]) == (did, "recorded")
    secret = (server.log.with_suffix("") / "server/server.key").read_text().strip()
    assert secret not in server.log.read_text()


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--every", "1s"), "is no period; write it like 15m, which is the shortest"),
        (("--every", "hourly", "--until", "2001-01-01"), "is past"),
        (("--every", "hourly", "--place", "file:///etc"), "--folder"),
        (("--every", "1m"), "from every 15 minutes to every 31 days, not every minute"),
        (("--place", "gs://bucket/prefix"), "does not write to gs:// places"),
    ],
)
def test_what_cannot_be_scheduled_is_said_in_a_sentence(
    owner: Shell, host: FaultyHost, server: AgentProcess, space: Path, arguments: tuple[str, ...], why: str
) -> None:
    did = host.demo.recording.did
    said = owner("schedule", did, "--server", server.url, "--space", space, *arguments)
    assert said.code == 1
    assert why in said.err
    assert said.err.count("\n") == 1


def test_many_workers_want_a_database_that_they_can_share(owner: Shell) -> None:
    said = owner("serve", "--workers", "2")
    assert (said.code, "postgresql://" in said.err) == (1, True)


def test_a_space_is_named_by_its_did(owner: Shell) -> None:
    said = owner("serve", "--space", "/srv/backups")
    assert (said.code, "is no DID of a space" in said.err) == (1, True)


def test_a_folder_of_spaces_is_made_for_the_server_alone(owner: Shell, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        said = owner("serve", "--folder", tmp_path / "new", "--port", str(taken.getsockname()[1]))
    assert (said.code, said.err.endswith("; choose another --port\n")) == (1, True)
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700


def test_a_folder_of_spaces_that_cannot_be_made_is_refused_at_the_start(owner: Shell, tmp_path: Path) -> None:
    said = owner("serve", "--folder", tmp_path / "no disk" / "new")
    assert (said.code, "is no folder, and cannot be made" in said.err) == (1, True)
    assert said.err.count("\n") == 1


def test_the_operator_sees_why_an_account_waits(owner: Shell) -> None:
    url = f"sqlite:///{owner.home}/agent.db"
    database = open_database(url)
    account = Book(database).add(STRANGER)
    note = RunNote(NOW_MS, NOW_MS, Result.WAITING, "its host wants no more today\x1b[2J\nnor \x9btomorrow")
    database.do(lambda session: run_rows.add(session, account, "worker", note))
    database.close()
    for what in ("accounts", "runs"):
        out = owner("serve", what, "--database", url).out
        assert "its host wants no more today [2J nor  tomorrow" in out
        assert out.count("\n") == 2
