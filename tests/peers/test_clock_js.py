"""The original's w3clock client against our service, as it is: it advances, reads and delegates."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.clock_service.calls import AGENT, SPACE_KEY, STRANGER
from tests.clock_service.test_serve import running
from tests.peers.npm import node_of, npm_project
from ucan import Signer

HERE = Path(__file__).parent
DATA = '{"n": %d}'


class Client(NamedTuple):
    """The original's client, with the service it speaks to."""

    project: Path
    url: str
    did: str

    def run(self, command: str, *arguments: str) -> dict:
        done = subprocess.run(
            [node_of(self.project), self.project / "clock-client.mjs", command, *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        told = json.loads(done.stderr) if done.stderr.startswith('{"event"') else {}
        return {**json.loads(done.stdout.splitlines()[-1]), **told}

    def call(self, command: str, key: Signer, *arguments: str) -> dict:
        where = ("--url", self.url, "--service", self.did, "--key", key.format(), "--with", SPACE_KEY.did)
        return self.run(command, *where, *arguments)


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    project = npm_project(HERE / "ucan")
    with running(tmp_path, "off") as (_, started):
        yield Client(project, started["url"], started["did"])


def test_the_original_client_advances_and_reads(client) -> None:
    assert client.call("head", SPACE_KEY) == {"ok": {"head": []}}
    first = client.call("advance", SPACE_KEY, "--data", DATA % 1)
    assert first["ok"]["head"] == [first["event"]]
    second = client.call("advance", SPACE_KEY, "--data", DATA % 2, "--parents", first["event"])
    assert second["ok"]["head"] == [second["event"]]
    third = client.call("advance", SPACE_KEY, "--data", DATA % 3, "--parents", first["event"])
    assert sorted(third["ok"]["head"]) == sorted([second["event"], third["event"]])
    assert client.call("head", SPACE_KEY)["ok"] == third["ok"]
    again = client.call("advance", SPACE_KEY, "--event", first["event"], "--no-blocks")
    assert again["ok"] == third["ok"]


def test_the_original_client_is_told_what_is_missing(client) -> None:
    first = client.call("advance", SPACE_KEY, "--data", DATA % 1)
    missing = first["event"][:-4] + "aaaa"
    error = client.call("advance", SPACE_KEY, "--data", DATA % 2, "--parents", missing)["error"]
    assert error["name"] in ("MissingAncestors", "BadEvent")


def test_an_agent_of_the_original_uses_a_delegation_and_a_stranger_does_not(client, tmp_path) -> None:
    proof = str(tmp_path / "proof.car")
    client.run("delegate", "--key", SPACE_KEY.format(), "--audience", AGENT.did, "--out", proof)
    done = client.call("advance", AGENT, "--data", DATA % 1, "--proof", proof)
    assert done["ok"]["head"] == [done["event"]]
    for proofs in ((), ("--proof", proof)):
        refused = client.call("advance", STRANGER, "--data", DATA % 2, *proofs)
        assert refused["error"]["name"] == "Unauthorized"
    assert client.call("head", AGENT, "--proof", proof)["ok"]["head"] == [done["event"]]
