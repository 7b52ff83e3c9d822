"""`skypail clock` against services in processes of their own: use, record, head, log, sync, fork."""

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.backup_agent.cli.clock_process import ClockProcess, running_clock
from tests.backup_agent.cli.shell import Shell
from tests.backup_agent.net.host import Asked, reply, serving
from tests.clock_service.calls import HEADERS, advance
from tests.clock_service.made import Author
from tests.faulty_host import FaultyHost
from ucan import Delegation, decode_message, encode_request


@pytest.fixture
def nowhere() -> Iterator[str]:
    """A place that nobody else can take, and where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClockProcess]:
    """One that stays up for all tests here; every test has a space of its own."""
    with running_clock(tmp_path_factory.mktemp("service"), "--provision", "open") as service:
        yield service


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[ClockProcess]:
    """One that a test may kill."""
    with running_clock(tmp_path / "mortal", "--provision", "open") as service:
        yield service


@pytest.fixture
def user(kept: Shell) -> Shell:
    """A machine with two snapshots, that may talk to this machine's services."""
    kept.environ = {"SKYPAIL_ALLOW_PRIVATE_HOSTS": "1"}
    return kept


def heads(shell: Shell) -> tuple[list[str], list[list[str]]]:
    document = shell("clock", "head", "--json").document
    return document["head"], [clock["head"] for clock in document["clocks"]]


def test_a_backup_is_recorded_at_the_clock_in_use(
    online: Shell, host: FaultyHost, service: ClockProcess
) -> None:
    used = online("clock", "use", service.url, "--json")
    assert (used.code, used.document["did"]) == (0, service.did)
    said = online("backup", host.demo.recording.did, "--json")
    assert (said.code, said.err) == (0, "")
    assert said.document["clocks"] == [{"url": service.url, "did": service.did, "ok": True, "problem": None}]
    own, (remote,) = heads(online)
    assert own == remote
    assert len(own) == 1


def test_a_clock_may_be_named_for_one_backup(online: Shell, host: FaultyHost, service: ClockProcess) -> None:
    said = online("backup", host.demo.recording.did, "--clock", service.url, "--json")
    assert (said.code, said.document["clocks"][0]["ok"]) == (0, True)
    assert heads(online)[1] == []
    online("clock", "use", service.url)
    own, (remote,) = heads(online)
    assert own == remote


def test_a_clock_that_is_named_and_out_of_reach_is_exit_code_3(
    online: Shell, host: FaultyHost, nowhere: str
) -> None:
    said = online("backup", host.demo.recording.did, "--clock", nowhere, "--json")
    assert (said.code, said.document["recorded"], said.document["clocks"][0]["ok"]) == (3, True, False)
    assert f"the clock at {nowhere} cannot be asked" in said.err


def test_a_clock_in_use_that_is_down_is_a_warning_and_sync_catches_up(
    online: Shell, host: FaultyHost, mortal: ClockProcess
) -> None:
    online("clock", "use", mortal.url)
    mortal.kill()
    said = online("backup", host.demo.recording.did)
    assert said.code == 0
    assert "`skypail clock sync` catches up" in said.err
    assert online("clock", "sync").code == 3
    mortal.start()
    assert online("clock", "sync", "--json").document["clocks"][0]["ok"]
    own, (remote,) = heads(online)
    assert own == remote != []


def test_sync_after_a_partition(
    online: Shell, host: FaultyHost, service: ClockProcess, mortal: ClockProcess
) -> None:
    for url in (service.url, mortal.url):
        online("clock", "use", url)
    online("backup", host.demo.recording.did)
    mortal.kill()
    host.demo.publish_next_post()
    assert online("backup", host.demo.recording.did).code == 0
    mortal.start()
    own, (ahead, behind) = heads(online)
    assert own == ahead != behind
    assert online("clock", "sync").code == 0
    assert heads(online)[1] == [own, own]


def test_a_fork_with_the_old_service_dead(user: Shell, service: ClockProcess, mortal: ClockProcess) -> None:
    user("clock", "use", mortal.url)
    assert user("clock", "sync").code == 0
    before = heads(user)
    mortal.kill()
    said = user("clock", "fork", service.url)
    assert (said.code, said.err) == (0, "")
    assert said.out == f"{service.url} has the whole clock\n"
    own, (remote,) = heads(user)
    assert (own, [remote]) == before
    assert own == remote != []
    assert [clock["url"] for clock in user("clock", "head", "--json").document["clocks"]] == [service.url]
    assert user("clock", "sync", "--json").document["clocks"][0]["ok"]


def test_a_fork_that_fails_changes_nothing(user: Shell, service: ClockProcess, nowhere: str) -> None:
    user("clock", "use", service.url)
    said = user("clock", "fork", nowhere, "--did", service.did)
    assert said.code == 1
    assert "the clocks in use are as before" in said.err
    assert [clock["url"] for clock in user("clock", "head", "--json").document["clocks"]] == [service.url]


def test_the_log_is_newest_first(user: Shell) -> None:
    document = user("clock", "log", "--json").document
    newest, oldest = document["events"]
    assert [newest["event"]] == document["head"]
    assert (newest["parents"], oldest["parents"]) == ([oldest["event"]], [])
    assert newest["writes"][0]["key"] > oldest["writes"][0]["key"]
    words = user("clock", "log", "-n", "1").out
    assert words.startswith(f"event {newest['event']}\n")
    assert f"put {newest['writes'][0]['key']}" in words
    assert words.count("event ") == 1


def test_a_clock_is_not_used_any_more(user: Shell, service: ClockProcess) -> None:
    user("clock", "use", service.url)
    assert user("clock", "forget", service.url).code == 0
    assert user("clock", "head", "--json").document["clocks"] == []
    assert "No clock service is in use" in user("clock", "sync").out


def test_a_service_that_goes_by_another_did_is_not_believed(user: Shell, service: ClockProcess) -> None:
    stranger = "did:key:z6MkwXG2WjeQnNxSoynSGYU8V9j3QzP3JSqhdmkHc6SaVWoT"
    said = user("clock", "use", service.url, "--did", stranger)
    assert said.code == 1
    assert f"the receipt is by {service.did}, not {stranger}" in said.err
    assert user("clock", "head", "--json").document["clocks"] == []


def test_only_spaces_that_were_added_are_hosted(user: Shell, tmp_path: Path) -> None:
    with running_clock(tmp_path / "operator") as service:
        used = user("clock", "use", service.url)
        assert used.code == 3
        assert "does not host the space yet" in used.err
        said = user("clock", "sync")
        assert said.code == 3
        assert "does not host this space" in said.err
        operator = Shell(tmp_path / "operator", user.capsys, user.monkeypatch)
        space = user("clock", "head", "--json").document["space"]
        assert operator("clock", "space", "add", space).code == 0
        assert [
            each["space"] for each in operator("clock", "space", "list", "--json").document["spaces"]
        ] == [space]
        assert user("clock", "sync").code == 0
        own, (remote,) = heads(user)
        assert own == remote


def test_not_even_an_empty_clock_is_moved_to_a_service_that_does_not_host_it(
    shell: Shell, service: ClockProcess, tmp_path: Path
) -> None:
    shell.environ = {"SKYPAIL_ALLOW_PRIVATE_HOSTS": "1"}
    assert shell("clock", "use", service.url).code == 0
    with running_clock(tmp_path / "operator") as other:
        said = shell("clock", "fork", other.url)
    assert said.code == 1
    assert "does not host this space" in said.err
    clocks = shell("clock", "head", "--json").document["clocks"]
    assert [clock["url"] for clock in clocks] == [service.url]


def test_a_place_that_is_taken_and_a_space_that_is_none_are_said_in_a_sentence(
    shell: Shell, service: ClockProcess
) -> None:
    port = service.url.rpartition(":")[2]
    said = shell("clock", "serve", "--port", port)
    assert f"no listening at 127.0.0.1 port {port}" in said.err
    assert said.err.endswith("; choose another --port\n")
    assert "'did:key:zzz' is no DID of a space" in shell("clock", "space", "add", "did:key:zzz").err


def test_as_many_as_the_user_wants_must_take_a_backup(
    online: Shell, host: FaultyHost, service: ClockProcess, mortal: ClockProcess
) -> None:
    online("clock", "use", service.url)
    assert online("clock", "use", mortal.url, "--at-least", "2", "--json").document["atLeast"] == 2
    assert online("backup", host.demo.recording.did).code == 0
    mortal.kill()
    host.demo.publish_next_post()
    said = online("backup", host.demo.recording.did, "--json")
    assert (said.code, said.document["recorded"]) == (3, True)
    assert "1 of the clock services in use took it, and 2 are wanted" in said.err
    online("clock", "forget", mortal.url)
    assert online("backup", host.demo.recording.did).code == 0


def test_a_space_may_have_a_guard_of_its_own(shell: Shell) -> None:
    did = "did:key:z6MkwXG2WjeQnNxSoynSGYU8V9j3QzP3JSqhdmkHc6SaVWoT"
    assert shell("clock", "space", "add", did, "--guard", "require", "--json").document["guard"] == "require"
    assert shell("clock", "space", "list", "--json").document["spaces"][0]["guard"] == "require"
    assert "guard as the service has it" in shell("clock", "space", "add", did).out
    assert shell("clock", "space", "list", "--json").document["spaces"][0]["guard"] is None


@pytest.mark.parametrize("url", ["http://gateway.example", "https://192.168.1.1"])
def test_a_block_source_that_may_not_be_asked_is_refused_at_the_start(shell: Shell, url: str) -> None:
    said = shell("clock", "serve", "--port", "0", "--block-source", url)
    assert said.code == 1
    assert "gateway.example" in said.err or "192.168.1.1" in said.err


def test_an_ancestor_that_did_not_come_along_is_had_from_the_block_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SKYPAIL_ALLOW_PRIVATE_HOSTS", "1")
    author = Author()
    first, second, unknown = author.chain(3)

    def gateway(asked: Asked) -> bytes:
        return reply(200, author[first]) if asked.path == f"/ipfs/{first}" else reply(404)

    def advance_both(source: str) -> list[dict[str, Any]]:
        with running_clock(tmp_path, "--provision", "open", "--block-source", source) as service:
            return [
                post(service, advance(each, author.only(each), to=service.did)) for each in (unknown, second)
            ]

    async def serve() -> list[dict[str, Any]]:
        async with serving(gateway) as host:
            return await asyncio.to_thread(advance_both, host.url)

    refused, taken = asyncio.run(serve())
    assert (refused["error"]["name"], refused["error"]["missing"]) == ("MissingAncestors", [second])
    assert taken == {"ok": {"head": [second]}}


def post(service: ClockProcess, invocation: Delegation) -> dict[str, Any]:
    """What the receipt of the service says."""
    answer = httpx.post(service.url, headers=HEADERS, content=encode_request([invocation]))
    receipt = decode_message(answer.content).receipt(invocation.cid)
    assert receipt is not None
    return receipt.out


def test_a_url_that_is_no_clock(user: Shell, nowhere: str) -> None:
    said = user("clock", "use", nowhere)
    assert said.code == 1
    assert "cannot be asked" in said.err


@pytest.mark.parametrize("url", ["http://example.com", "clock", "https://me:secret@clock.example"])
def test_a_url_that_is_refused_is_not_kept(user: Shell, url: str) -> None:
    said = user("clock", "use", url, "--did", "did:web:clock.example")
    assert said.code == 1
    assert "secret" not in said.err
    assert user("clock", "head", "--json").document["clocks"] == []


def test_a_slash_at_the_end_makes_no_other_clock(user: Shell, service: ClockProcess) -> None:
    user("clock", "use", service.url)
    user("clock", "use", service.url + "/")
    assert [clock["url"] for clock in user("clock", "head", "--json").document["clocks"]] == [service.url]
    assert user("clock", "forget", service.url + "/", "--json").document["forgotten"]


def test_a_service_by_the_name_of_its_host(user: Shell, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    did = f"did:web:localhost%3A{port}"
    options = ("--provision", "open", "--port", str(port), "--did", did)
    with running_clock(tmp_path / "named", *options) as service:
        assert user("clock", "use", service.url, "--json").document["did"] == did
        assert user("clock", "sync").code == 0
        own, (remote,) = heads(user)
        assert own == remote != []
