"""`skypail clock serve` and `clock space`: what a service hosts, where it listens, where it finds blocks."""

import asyncio
import socket
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.backup_agent.cli.clock_heads import heads
from tests.backup_agent.cli.clock_process import ClockProcess, running_clock
from tests.backup_agent.cli.shell import Shell
from tests.backup_agent.net.host import Asked, reply, serving
from tests.clock_service.calls import HEADERS, advance
from tests.clock_service.made import Author
from ucan import Delegation, decode_message, encode_request


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
    assert said.err == f"skypail: port {port} of 127.0.0.1 is taken; choose another --port\n"
    for service_ in ("clock", "provider"):
        assert "'did:key:zzz' is no DID of a space" in shell(service_, "space", "add", "did:key:zzz").err


def test_an_empty_list_names_the_database_that_was_looked_at(shell: Shell) -> None:
    for command, name in (
        (("clock", "space", "list"), "clock-service/clock.db"),
        (("provider", "space", "list"), "provider/provider.db"),
        (("serve", "accounts"), "server/agent.db"),
        (("serve", "workers"), "server/agent.db"),
    ):
        said = shell(*command)
        assert (said.code, f" in {shell.home / name}" in said.out) == (0, True), said
        assert command[1] == "workers" or "is a new database that no service has used yet" in said.err


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
