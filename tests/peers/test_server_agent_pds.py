"""The whole promise against the reference PDS: scheduled from one machine, which is then gone."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.backup_agent.cli.clock_process import running_clock
from tests.backup_agent.cli.shell import Shell
from tests.backup_agent.server.agent_process import running_agent, until
from tests.peers.bed import PdsBed
from tests.peers.pds_client import call, seed_account


@pytest.fixture
def environ(pds_bed: PdsBed) -> dict[str, str]:
    return {"SKYPAIL_PLC_URL": pds_bed.plc, "SKYPAIL_ALLOW_PRIVATE_HOSTS": "1"}


def test_scheduled_from_a_machine_that_is_gone_and_restored_elsewhere(
    pds_bed: PdsBed,
    environ: dict[str, str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    account = seed_account(pds_bed.a, "away.a.test", records=30, blobs=2)
    laptop, second = (Shell(tmp_path / name, capsys, monkeypatch, environ) for name in ("laptop", "second"))
    space = tmp_path / "shared" / "space"
    space.parent.mkdir()

    def ask(shell: Shell, *arguments: str | Path) -> Any:
        said = shell(*arguments, "--space", space, "--json")
        assert said.code == 0, said.err
        return said.document

    with (
        running_clock(tmp_path / "clock", "--provision", "open") as clock,
        running_agent(tmp_path / "server", environ, "--folder", space.parent) as server,
    ):
        ask(laptop, "clock", "use", clock.url)
        ask(laptop, "schedule", account.did, "--server", server.url, "--every", "hourly")
        timestamps: list[str] = []

        def is_recorded() -> bool:
            good = ask(laptop, "schedule", "status", account.did).get("lastGood", {})
            return good.get("result") == "recorded" and good["timestamp"] not in timestamps

        for number in range(3):
            until(is_recorded, 60)
            good = ask(laptop, "schedule", "status", account.did)["lastGood"]
            timestamps.append(good["timestamp"])
            assert (good["records"], good["missing"]) == (30 + number, 0)
            if number < 2:
                account.make_post(f"post {number}")
                ask(laptop, "schedule", "now", account.did)
        shutil.rmtree(laptop.home)
        clock.kill()
    listed = ask(second, "snapshots")["snapshots"]
    assert [each["timestamp"] for each in listed] == timestamps
    assert second("verify", "--all", "--space", space).code == 0
    assert second("restore", "latest", "--to", tmp_path / "out", "--space", space).code == 0
    latest = call(account.pds, "GET", "com.atproto.sync.getLatestCommit", params={"did": account.did})
    assert listed[-1]["commit"] == latest["cid"]
    assert len(list((tmp_path / "out/blobs").iterdir())) == 2
