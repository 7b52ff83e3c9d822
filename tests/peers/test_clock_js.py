"""The original's w3clock client against our service, as it is: it advances, reads and delegates."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from pail import CID, DAG_CBOR, Block, cid_of
from pail.car import encode_car
from pail.event import decode_event, encode_event
from tests.clock_service.calls import AGENT, SPACE_KEY, STRANGER
from tests.clock_service.made import Author
from tests.clock_service.test_serve import running
from tests.peers.npm import node_of, npm_project
from ucan import Signer
from ucan.dag_json import encode_dag_json

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

    def send(self, author: Author, *cids: CID, folder: Path) -> dict:
        """Advance with the first of these blocks, which are all attached."""
        (folder / "blocks.car").write_bytes(encode_car([], [Block(cid, author[cid]) for cid in cids]))
        return self.call("advance", SPACE_KEY, "--event", str(cids[0]), "--blocks", f"{folder}/blocks.car")


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    """Of a generic clock, whose data is opaque."""
    project = npm_project(HERE / "ucan")
    with running(tmp_path, "off") as (_, started):
        yield Client(project, started["url"], started["did"])


@pytest.fixture
def pail_client(tmp_path: Path) -> Iterator[Client]:
    """Of a clock of a pail, as it is served by default."""
    project = npm_project(HERE / "ucan")
    with running(tmp_path) as (_, started):
        yield Client(project, started["url"], started["did"])


def operation_of(author: Author, event: CID) -> str:
    """What the event says, as the client's `--data` takes it."""
    return encode_dag_json(decode_event(author[event]).data).decode()


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
    missing = str(cid_of(DAG_CBOR, b"nobody has it"))
    error = client.call("advance", SPACE_KEY, "--data", DATA % 2, "--parents", missing)["error"]
    assert error["name"] == "MissingAncestors"
    assert missing in error["message"]
    assert client.call("head", SPACE_KEY) == {"ok": first["ok"]}


def test_an_agent_of_the_original_uses_a_delegation_and_a_stranger_does_not(client, tmp_path) -> None:
    proof = str(tmp_path / "proof.car")
    client.run("delegate", "--key", SPACE_KEY.format(), "--audience", AGENT.did, "--out", proof)
    done = client.call("advance", AGENT, "--data", DATA % 1, "--proof", proof)
    assert done["ok"]["head"] == [done["event"]]
    for proofs in ((), ("--proof", proof)):
        refused = client.call("advance", STRANGER, "--data", DATA % 2, *proofs)
        assert refused["error"]["name"] == "Unauthorized"
    assert client.call("head", AGENT, "--proof", proof)["ok"]["head"] == [done["event"]]


def test_the_original_client_advances_the_clock_of_a_pail(pail_client, tmp_path) -> None:
    author = Author()
    (first,) = author.put((), "key/1").head
    told = pail_client.call("advance", SPACE_KEY, "--data", operation_of(author, first))
    assert told == {"event": str(first), "ok": {"head": [str(first)]}}
    sides = [author.put((first,), key) for key in ("key/2", "other")]
    pail_client.call(
        "advance", SPACE_KEY, "--data", operation_of(author, sides[0].head[0]), "--parents", str(first)
    )
    along = [cid for cid, _ in sides[1].additions]
    done = pail_client.send(author, *sides[1].head, *along, folder=tmp_path)
    both = sorted(str(cid) for side in sides for cid in side.head)
    assert sorted(done["ok"]["head"]) == both
    assert sorted(pail_client.call("head", SPACE_KEY)["ok"]["head"]) == both


def test_the_original_client_is_refused_a_wrong_root_and_data_that_is_no_operation(
    pail_client, tmp_path
) -> None:
    author = Author()
    update = author.put((), "key/1")
    data = decode_event(author[update.head[0]]).data
    lie = encode_event([], {**data, "root": author.put((), "other").root})
    author[lie.cid] = lie.data
    told = pail_client.send(author, lie.cid, *(cid for cid, _ in update.additions), folder=tmp_path)
    assert told["error"]["name"] == "WrongRoot"
    assert pail_client.call("advance", SPACE_KEY, "--data", DATA % 1)["error"]["name"] == "BadEvent"
    assert pail_client.call("head", SPACE_KEY) == {"ok": {"head": []}}
