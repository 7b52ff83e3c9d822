"""Two machines cut off from each other, each with a service and a copy of the folder; then no longer."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backup_agent.cli.clock_process import ClockProcess, running_clock
from tests.backup_agent.cli.shell import Shell
from tests.faulty_host import FaultyHost


@pytest.fixture
def services(tmp_path: Path) -> Iterator[list[ClockProcess]]:
    options = ("--provision", "open", "--guard", "require")
    with running_clock(tmp_path / "one", *options) as one, running_clock(tmp_path / "two", *options) as two:
        yield [one, two]


@pytest.fixture
def machines(online: Shell, host: FaultyHost, services: list[ClockProcess], tmp_path: Path) -> list[Shell]:
    """Both have the first snapshot, and each uses one of the services, which has it too."""
    account = host.demo.recording.did
    other = Shell(tmp_path / "other", online.capsys, online.monkeypatch, online.environ)
    online("clock", "use", services[0].url)
    assert online("backup", account).code == 0
    shutil.copytree(online.home / "space", other.home / "space")
    to = other("agent", "id").out.strip()
    online("agent", "delegate", "--to", to, "--expires", "1d", "--out", tmp_path / "other.ucan")
    assert other("agent", "add", tmp_path / "other.ucan").code == 0
    other("clock", "use", services[1].url)
    assert other("clock", "sync").code == 0
    return [online, other]


def heads(machine: Shell) -> list[list[str]]:
    """As the folder has it, and as each service does."""
    document = machine("clock", "head", "--json").document
    return [document["head"], *(clock["head"] for clock in document["clocks"])]


def snapshots(machine: Shell) -> list[dict[str, str]]:
    return machine("snapshots", "--json").document["snapshots"]


def test_apart_each_goes_on_and_together_all_have_all(
    machines: list[Shell], services: list[ClockProcess], host: FaultyHost
) -> None:
    for machine in machines:
        host.demo.publish_next_post()
        assert machine("backup", host.demo.recording.did).code == 0
    apart = [heads(machine) for machine in machines]
    assert [own == service for own, service in apart] == [True, True]
    assert apart[0] != apart[1]
    for source, target in (machines, reversed(machines)):  # the folder is synced again
        shutil.copytree(source.home / "space", target.home / "space", dirs_exist_ok=True)
    for machine in machines:
        for service in services:
            machine("clock", "use", service.url)
    assert machines[0]("clock", "sync").code == 0
    together = [heads(machine) for machine in machines]
    both = sorted(apart[0][0] + apart[1][0])
    assert [sorted(head) for each in together for head in each] == [both] * 6
    assert snapshots(machines[0]) == snapshots(machines[1])
    assert len(snapshots(machines[0])) == 3
    assert [machine("verify", "--all").code for machine in machines] == [0, 0]
