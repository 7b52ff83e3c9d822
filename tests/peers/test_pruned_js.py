"""The JavaScript pail over what a prune has left: it reads the head, and goes on from it."""

from __future__ import annotations

import base64
import json
import subprocess
from pathlib import Path
from typing import Any

from backup_agent.prune.prune import prune
from backup_agent.retention import Policy
from pail import CID, cid_of, crdt, run
from pail.car import CarReader
from pail.event import decode_event
from pail.operation import decode_operation
from tests.backup_agent.prune.made import ACCOUNTS, Machine, machine
from tests.peers.npm import node_of, npm_project

KEY = "did:plc:new/2031-01-01T00:00:00.000Z"
VALUE = cid_of(0x71, b"\xa0")


def left(folder: Path) -> dict[CID, bytes]:
    """Every block that still stands in the space's shards."""
    found: dict[CID, bytes] = {}
    for path in (folder / "space/shards").glob("*.car"):
        found |= {block.cid: block.data for block in CarReader().feed(path.read_bytes())}
    return found


def read(blocks: dict[CID, bytes], head: tuple[CID, ...]) -> dict[str, Any]:
    """What the original makes of `head`, and of a put on it."""
    project = npm_project(Path(__file__).parent / "pail")
    given = [[str(cid), base64.b64encode(data).decode()] for cid, data in blocks.items()]
    asked = {"blocks": given, "head": [str(event) for event in head], "key": KEY, "value": str(VALUE)}
    command = [node_of(project), project / "read.mjs"]
    done = subprocess.run(command, input=json.dumps(asked), capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def pruned(one: Machine, folder: Path) -> dict[CID, bytes]:
    """What is left after old pails have gone: of the events some have a pail that is there no more."""
    prune(one.job, Policy(last=3), remember=False, now=True)
    blocks = left(folder)
    events = [decode_event(data) for data in blocks.values() if data.startswith(b"\xa2\x64data")]
    roots = {decode_operation(event.data)[1] for event in events}
    assert roots - blocks.keys(), "an old pail has gone"
    assert roots & blocks.keys(), "and the head's has not"
    return blocks


def assert_goes_on(one: Machine, blocks: dict[CID, bytes]) -> None:
    """The original reads every key of the head, and makes the event on it that we would make."""
    head, get = one.clock.head(), one.space.get
    found = read(blocks, head)
    assert found["head"] == sorted(map(str, head))
    assert found["root"] == str(run(crdt.root(head), get).root)
    entries = run(crdt.entries(head), get)
    assert found["entries"] == [[key, str(cid)] for key, cid in entries]
    assert found["got"] == [str(cid) for _, cid in entries]
    put = run(crdt.put(head, KEY, VALUE), get)
    assert put.event is not None
    assert found["put"] == {"root": str(put.root), "event": str(put.event.cid)}


def test_the_original_reads_and_extends_a_pruned_head(tmp_path: Path) -> None:
    with machine(tmp_path) as one:
        for hour in range(6):
            one.back_up(ACCOUNTS[0], hour, {"a": f"post {hour} " * 50})
        assert_goes_on(one, pruned(one, tmp_path))


def test_the_original_reads_and_extends_a_pruned_head_of_two_events(tmp_path: Path) -> None:
    with machine(tmp_path) as one:
        for hour in range(4):
            one.back_up(ACCOUNTS[0], hour, {"a": f"post {hour} " * 50})
        prune(one.job, Policy(last=2), remember=False, now=True)
        with machine(tmp_path, "other") as other:
            turns = iter([False, True])  # the second time it is right before the head moves

            def at_once() -> None:
                if next(turns):
                    other.back_up(ACCOUNTS[1], 9, {"b": "at once " * 50})

            one.back_up(ACCOUNTS[2], 9, {"c": "at once " * 50}, meanwhile=at_once)
        assert len(one.clock.head()) == 2
        assert_goes_on(one, pruned(one, tmp_path))
