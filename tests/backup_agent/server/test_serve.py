"""The household form, end to end: one process on SQLite, a clock service, an owner who goes away."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from tests.backup_agent.cli.clock_process import ClockProcess
from tests.backup_agent.cli.shell import Shell
from tests.backup_agent.server.agent_process import running_agent, until
from tests.faulty_host import FaultyHost


def ask(owner: Shell, *arguments: str | Path) -> Any:
    said = owner(*arguments, "--json")
    assert said.code == 0, said.err
    return said.document


def test_an_account_is_backed_up_while_its_owner_is_away(
    owner: Shell, host: FaultyHost, clock: ClockProcess, environ: dict[str, str], tmp_path: Path
) -> None:
    did, space = host.demo.recording.did, tmp_path / "space"
    ask(owner, "clock", "use", clock.url, "--space", space)
    with running_agent(tmp_path / "server", environ, "--folder", tmp_path) as server:
        scheduled = ask(owner, "schedule", did, "--server", server.url, "--every", "hourly", "--space", space)
        assert (scheduled["server"], scheduled["state"]) == (server.url, "due")

        def is_done() -> bool:
            return "lastRun" in ask(owner, "schedule", "status", did, "--space", space)

        until(is_done)
        status = ask(owner, "schedule", "status", did, "--space", space)
        assert (status["lastRun"]["result"], status["state"]) == ("recorded", "waiting"), status
    listed = ask(owner, "snapshots", "--space", space)["snapshots"]
    assert [each["account"] for each in listed] == [did]
    assert owner("verify", "--space", space).code == 0
    shown = ask(owner, "show", "latest", "--space", space)
    assert shown["certificate"]["agent"] == server.did
    shutil.rmtree(owner.home)
    assert owner("verify", "--space", space).code == 0
