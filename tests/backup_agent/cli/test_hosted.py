"""Every command on a space at a provider, which is a process of its own."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from backup_agent.cli.commands import agent
from backup_agent.hosted.reading import Reader
from space import SpaceUnavailable
from tests.backup_agent.cli.shell import Shell
from tests.faulty_host import FaultyHost
from tests.provider.child import Running, running


@pytest.fixture(scope="module")
def kept_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("provider")


@pytest.fixture(scope="module")
def provider(kept_in: Path) -> Iterator[Running]:
    with running(kept_in) as provider:
        yield provider


@pytest.fixture
def database(kept_in: Path) -> str:
    return f"sqlite:///{kept_in}/provider.db"


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


def test_a_delegated_agent_adds_what_the_owner_then_sees(
    online: Shell, host: FaultyHost, url: str, tmp_path: Path
) -> None:
    did, owner, laptop = host.demo.recording.did, online.home, tmp_path / "laptop"
    assert online("backup", did, "--space", url).code == 0
    online.home = laptop
    agent = online("agent", "id").out.strip()
    assert "holds no delegation" in online("snapshots", "--space", url).err
    online.home = owner
    given = ["agent", "delegate", "--to", agent, "--can", "provider", "--expires", "1d", "--space", url]
    assert online(*given, "--out", tmp_path / "laptop.ucan").code == 0
    online.home = laptop
    assert online("agent", "add", tmp_path / "laptop.ucan").code == 0
    assert online("verify", "--space", url).code == 0
    host.demo.publish_next_post()
    said = online("backup", did, "--space", url, "--json")
    assert (said.code, said.document["recorded"]) == (0, True), said
    online.home = owner
    assert len(online("snapshots", "--space", url, "--json").document["snapshots"]) == 2
    assert online("verify", "--all", "--space", url).code == 0


def test_what_no_clock_took_is_not_called_recorded(online: Shell, host: FaultyHost, url: str) -> None:
    did, [clocks] = host.demo.recording.did, [online.home / "clocks"]
    assert online("backup", did, "--space", url).code == 0
    [path] = clocks.glob("*.json")
    known = path.read_text()
    path.write_text(re.sub(r'"http://[^"]*"', '"http://127.0.0.1:9999"', known))
    host.demo.publish_next_post()
    said = online("backup", did, "--space", url)
    assert (said.code, "NOT RECORDED" in said.out, "Recorded" in said.out) == (3, True, False), said
    assert "0 of the clock services in use took it, and 1 are wanted" in said.err
    assert "there may be newer snapshots" in online("snapshots", "--space", url).err
    path.write_text(known)
    assert online("backup", did, "--space", url).code == 0
    head = online("clock", "head", "--space", url, "--json").document
    assert head["clocks"][0]["head"] == head["head"]


def test_a_quota_that_is_used_up_is_named_and_nothing_is_recorded(
    online: Shell, host: FaultyHost, url: str, database: str
) -> None:
    did, space = host.demo.recording.did, url.rsplit("/", 1)[1]
    assert online("backup", did, "--space", url).code == 0
    assert online("provider", "space", "limit", space, "--bytes", "1000", "--database", database).code == 0
    host.demo.publish_next_post()
    said = online("backup", did, "--space", url)
    assert (said.code, "quota" in said.err, "is used up" in said.err) == (1, True, True), said
    assert len(online("snapshots", "--space", url, "--json").document["snapshots"]) == 1
    assert (
        online("provider", "space", "limit", space, "--bytes", "100000000", "--database", database).code == 0
    )
    assert online("backup", did, "--space", url).code == 0


def test_info_says_what_the_provider_counts_and_allows(
    online: Shell, host: FaultyHost, url: str, database: str
) -> None:
    space = url.rsplit("/", 1)[1]
    assert online("backup", host.demo.recording.did, "--space", url).code == 0
    limit = ["provider", "space", "limit", space, "--bytes", "100000000", "--database", database]
    assert online(*limit).code == 0
    usage = online("space", "info", "--space", url, "--json").document["usage"]
    assert usage["bytes"] > 2_000_000
    assert usage["limit"] == 100_000_000
    assert "of 100.0 MB used at the provider" in online("space", "info", "--space", url).out


def test_of_several_spaces_the_default_one_is_registered_or_the_one_that_is_named(
    online: Shell, provider: Running, tmp_path: Path
) -> None:
    default = online("space", "create", "--json").document["space"]
    other = online("space", "create", tmp_path / "other", "--json").document["space"]
    asked = ["space", "register", provider.url, "--account", "alice@example.com", "--json"]
    assert online(*asked).document["space"] == default
    assert online(*asked, "--space", tmp_path / "other").document["space"] == other
    asked[2] = f"{provider.url}/{default}"
    said = online(*asked, "--space", tmp_path / "other")
    assert (said.code, "that is another space than" in said.err) == (1, True)


def give_laptop(owner: Shell, url: str, laptop: Path) -> str:
    """Let another home add to the space for a day from now on; the delegation's CID."""
    home, owner.home = owner.home, laptop
    other = owner("agent", "id").out.strip()
    owner.home = home
    given = ["agent", "delegate", "--to", other, "--can", "provider", "--expires", "1d", "--space", url]
    made = owner(*given, "--out", laptop / "laptop.ucan", "--json")
    owner.home = laptop
    assert owner("agent", "add", laptop / "laptop.ucan").code == 0
    owner.home = home
    return made.document["cid"]


def refused(owner: Shell, host: FaultyHost, url: str, laptop: Path) -> str:
    """Why a backup from `laptop` is refused; nothing is recorded, as the owner sees."""
    host.demo.publish_next_post()
    home, owner.home = owner.home, laptop
    said = owner("backup", host.demo.recording.did, "--space", url)
    owner.home = home
    assert (said.code in (1, 3), said.out.startswith("Recorded")) == (True, False), said
    assert len(owner("snapshots", "--space", url, "--json").document["snapshots"]) == 1
    return said.err


def test_a_revoked_delegation_records_nothing(
    online: Shell, host: FaultyHost, url: str, tmp_path: Path
) -> None:
    assert online("backup", host.demo.recording.did, "--space", url).code == 0
    given = give_laptop(online, url, tmp_path / "laptop")
    assert online("agent", "revoke", given).code == 0
    assert "revoked" in refused(online, host, url, tmp_path / "laptop")


def test_an_expired_delegation_records_nothing(
    online: Shell, host: FaultyHost, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert online("backup", host.demo.recording.did, "--space", url).code == 0
    before = time.time() - 2 * 86_400
    with monkeypatch.context() as patch:
        patch.setattr(agent, "time", SimpleNamespace(time=lambda: before))
        give_laptop(online, url, tmp_path / "laptop")
    assert "expired" in refused(online, host, url, tmp_path / "laptop")


def test_a_provider_that_is_down_is_named(online: Shell, host: FaultyHost) -> None:
    said = online("space", "create", "http://127.0.0.1:9999")
    assert (said.code, "http://127.0.0.1:9999 cannot be asked" in said.err) == (1, True)
    assert online("space", "list", "--json").document["spaces"] == []


def test_parity_is_said_to_be_none_there_and_backups_are_silent_about_it(
    online: Shell, host: FaultyHost, url: str
) -> None:
    assert online("backup", host.demo.recording.did, "--space", url).code == 0
    said = online("space", "parity", "10", "--space", url)
    assert (said.code, said.err, "a provider keeps none" in said.out) == (0, "", True), said
    host.demo.publish_next_post()
    said = online("backup", host.demo.recording.did, "--space", url)
    assert (said.code, said.err) == (0, ""), said


def test_what_cannot_be_read_is_not_called_damaged(
    online: Shell, host: FaultyHost, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert online("backup", host.demo.recording.did, "--space", url).code == 0

    async def refuse(*_: object) -> list[bytes]:
        raise SpaceUnavailable("the provider does not give what it holds")

    monkeypatch.setattr(Reader, "read", refuse)
    said = online("verify", "--all", "--space", url)
    assert (said.code, said.out.startswith("UNREAD "), "DAMAGED" in said.out) == (1, True, False), said
    assert "does not give what it holds; 1 of 1 snapshot could not be read to the end" in said.err
    assert "repair" not in said.out + said.err
    document = online("verify", "--space", url, "--json").document
    assert (document["whole"], document["snapshots"][0]["whole"]) == (False, False)
    assert document["unread"] == "the provider does not give what it holds"


def test_a_provider_that_was_named_as_it_does_not_name_itself_is_said_so(
    online: Shell, host: FaultyHost, url: str, provider: Running
) -> None:
    other = url.replace("127.0.0.1", "localhost")
    said = online("backup", host.demo.recording.did, "--space", other)
    wanted = f"--url {provider.url.replace('127.0.0.1', 'localhost')}"
    assert (said.code, said.out, wanted in said.err) == (1, "", True), said
    again = online("backup", host.demo.recording.did, "--space", other)
    assert (again.code, again.out, wanted in again.err) == (1, "", True), again
    assert online("clock", "head", "--space", other, "--json").document["head"] == []
    assert online("backup", host.demo.recording.did, "--space", url).code == 0
    assert online("verify", "--space", url).code == 0


def test_several_spaces_at_one_provider_are_told_apart(online: Shell, url: str, provider: Running) -> None:
    assert online("space", "create", provider.url).code == 3
    listed = online("space", "list", "--json").document["spaces"]
    assert [url] in [each["places"] for each in listed]
    said = online("snapshots", "--space", provider.url)
    assert (said.code, "name one of" in said.err, url in said.err) == (1, True, True)
