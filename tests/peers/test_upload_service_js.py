"""Our agent against the original's upload service, unchanged: storage nodes of its own, and no clock."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from tests.backup_agent.cli import conftest as fixtures
from tests.backup_agent.cli.shell import Shell
from tests.faulty_host import FaultyHost
from tests.peers.npm import node_of, npm_project
from tests.provider.child import running

pytestmark = pytest.mark.peer

host, online, shell = fixtures.host, fixtures.online, fixtures.shell


class Service(NamedTuple):
    url: str
    did: str


@pytest.fixture
def service() -> Iterator[Service]:
    project = npm_project(Path(__file__).parent / "ucan")
    command = [node_of(project), str(project / "upload-server.mjs"), "--did", "key", "--quiet"]
    with subprocess.Popen(
        command, cwd=project, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            assert process.stdout is not None
            started = json.loads(process.stdout.readline())
            yield Service(started["url"].rstrip("/"), started["did"])
        finally:
            process.kill()


def test_a_backup_goes_there_and_comes_back(
    online: Shell, host: FaultyHost, service: Service, tmp_path: Path
) -> None:
    space = online("space", "create", "--json").document["space"]
    place = f"{service.url}/{space}"
    asked = online("space", "register", place, "--did", service.did, "--json")
    assert (asked.code, asked.document.get("hosted")) == (3, False), asked
    assert httpx.post(f"{service.url}/_provision", params={"space": space}).status_code == 200
    assert online("space", "register", place).code == 0
    (tmp_path / "clock").mkdir()
    with running(tmp_path / "clock") as clock:
        assert online("space", "register", f"{clock.url}/{space}", "--account", "a@example.com").code == 0
        forked = online("clock", "fork", clock.url, "--space", place)
        assert forked.code == 0, forked
        did = host.demo.recording.did
        for _ in range(2):
            said = online("backup", did, "--space", place, "--json")
            assert (said.code, said.err, said.document.get("recorded")) == (0, "", True), said
            host.demo.publish_next_post()
        for command in (["verify", "--all"], ["check", "--read-data"]):
            said = online(*command, "--space", place)
            assert (said.code, said.err) == (0, ""), said
        _forget_all_but_the_keys(online)
        said = online("verify", "--all", "--space", place)
        assert (said.code, said.err) == (0, ""), said


def _forget_all_but_the_keys(machine: Shell) -> None:
    """As on another machine."""
    for name in ("cache", "hosted"):
        (machine.home / name).rename(machine.home / f"{name}.old")
