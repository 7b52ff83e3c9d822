"""Every command on a space at a provider, which is a process of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.backup_agent.cli.shell import Shell
from tests.faulty_host import FaultyHost
from tests.provider.child import Running, running


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("provider")) as provider:
        yield provider


@pytest.fixture
def url(online: Shell, provider: Running) -> str:
    """A new space that the provider hosts."""
    made = online("space", "create", provider.url, "--json")
    assert (made.code, made.document["hosted"]) == (3, False)
    registered = online("space", "register", provider.url, "--account", "alice@example.com", "--json")
    assert (registered.code, registered.document["hosted"]) == (0, True)
    return made.document["place"]


def test_the_whole_life_of_a_backup_at_a_provider(online: Shell, host: FaultyHost, url: str) -> None:
    did = host.demo.recording.did
    first = online("backup", did, "--space", url)
    assert (first.code, first.err) == (0, "")
    assert f"new in {url}" in first.out
    host.demo.publish_next_post()
    second = online("backup", did, "--space", url, "--json").document
    assert (second["recorded"], second["whole"]) == (True, True)
    assert "Nothing has changed" in online("backup", did, "--space", url).out
    listed = online("snapshots", "--space", url, "--json").document["snapshots"]
    assert len(listed) == 2
    for command in (
        ["show", "latest"],
        ["verify", "--all"],
        ["check"],
        ["check", "--read-data"],
        ["repair"],
        ["clock", "head"],
        ["space", "info"],
        ["restore", "latest", "--to", str(online.home / "restored")],
    ):
        said = online(*command, "--space", url)
        assert (said.code, said.err) == (0, ""), (command, said)
    assert (online.home / "restored/repo.car").stat().st_size > 100_000
