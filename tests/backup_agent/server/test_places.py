"""Spaces in a bucket and at a provider, kept by a server that has nothing but what their owner gave it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.backup_agent.cli.clock_process import ClockProcess
from tests.backup_agent.cli.shell import Shell
from tests.backup_agent.server.agent_process import AgentProcess, running_agent, until
from tests.backup_agent.server.test_serve import ask, wait_for_a_run
from tests.faulty_host import FaultyHost
from tests.provider.child import running
from tests.space.bucket_server import BucketServer
from tests.space.bucket_server import environ as bucket_environ


@pytest.fixture
def server(tmp_path: Path, environ: dict[str, str]) -> Iterator[AgentProcess]:
    nothing = dict.fromkeys(bucket_environ(""), "")
    with running_agent(tmp_path / "server", environ | nothing, "--endpoint", "127.0.0.1") as process:
        yield process


def test_a_bucket_by_sealed_credentials(
    owner: Shell, host: FaultyHost, clock: ClockProcess, server: AgentProcess, tmp_path: Path
) -> None:
    bucket = BucketServer()
    try:
        owner.environ |= bucket_environ(bucket.url)
        did, space = host.demo.recording.did, f"s3://{bucket.new_bucket()}/backups"
        ask(owner, "clock", "use", clock.url, "--space", space)
        ask(owner, "schedule", did, "--server", server.url, "--space", space)
        status = wait_for_a_run(owner, did, space)
        assert status["lastRun"]["result"] == "recorded", status
        host.demo.publish_next_post()
        ask(owner, "schedule", "now", did, "--space", space)
        until(lambda: len(ask(owner, "snapshots", "--space", space)["snapshots"]) == 2)
        shutil.rmtree(owner.home)
        assert owner("verify", "--all", "--space", space).code == 0
    finally:
        bucket.stop()


def test_a_provider_by_delegation_alone(
    owner: Shell, host: FaultyHost, server: AgentProcess, tmp_path: Path
) -> None:
    did = host.demo.recording.did
    (tmp_path / "provider").mkdir()
    with running(tmp_path / "provider") as provider:
        space = owner("space", "create", provider.url, "--json").document["place"]
        ask(owner, "space", "register", provider.url, "--account", "alice@example.com")
        ask(owner, "schedule", did, "--server", server.url, "--space", space)
        status = wait_for_a_run(owner, did, space)
        assert status["lastRun"]["result"] == "recorded", status
        host.demo.publish_next_post()
        ask(owner, "schedule", "now", did, "--space", space)
        until(lambda: len(ask(owner, "snapshots", "--space", space)["snapshots"]) == 2)
        assert ask(owner, "show", "latest", "--space", space)["certificate"]["agent"] == server.did
        assert owner("verify", "--all", "--space", space).code == 0


def test_a_provider_that_held_backups_before_the_server_knew_of_it(
    owner: Shell, host: FaultyHost, server: AgentProcess, tmp_path: Path
) -> None:
    did = host.demo.recording.did
    (tmp_path / "provider").mkdir()
    with running(tmp_path / "provider") as provider:
        space = owner("space", "create", provider.url, "--json").document["place"]
        ask(owner, "space", "register", provider.url, "--account", "alice@example.com")
        ask(owner, "backup", did, "--space", space)
        host.demo.publish_next_post()
        ask(owner, "schedule", did, "--server", server.url, "--space", space)
        status = wait_for_a_run(owner, did, space)
        assert status["lastRun"]["result"] == "recorded", status
        assert len(ask(owner, "snapshots", "--space", space)["snapshots"]) == 2


def test_a_provider_that_is_down_is_named_and_nothing_passes_for_safe(
    owner: Shell, host: FaultyHost, server: AgentProcess, tmp_path: Path
) -> None:
    did = host.demo.recording.did
    (tmp_path / "provider").mkdir()
    with running(tmp_path / "provider") as provider:
        space = owner("space", "create", provider.url, "--json").document["place"]
        ask(owner, "space", "register", provider.url, "--account", "alice@example.com")
        ask(owner, "schedule", did, "--server", server.url, "--space", space)
        safe = wait_for_a_run(owner, did, space)
        provider.process.kill()
        provider.process.wait()
        host.demo.publish_next_post()
        ask(owner, "schedule", "now", did, "--space", space)

        def status() -> Any:
            return owner("schedule", "status", did, "--space", space, "--json").document

        until(lambda: status()["lastRun"] != safe["lastRun"], 90)
        down = status()
        assert owner("schedule", "remove", did, "--space", space, "--json").document["removed"]
    assert down["lastRun"]["result"] == "failed"
    assert provider.url in down["lastRun"]["reason"]
    assert down["lastGood"] == safe["lastGood"]
