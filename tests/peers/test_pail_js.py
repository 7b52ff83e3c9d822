"""The JavaScript pail on fresh random operations: the same roots, shards, events and heads."""

from __future__ import annotations

import json
import random
import subprocess
from pathlib import Path

import pytest

from pail import CID, parse_cid
from pail.clock import Head, advance
from pail.crdt import Update
from pail.crdt import batch as crdt_batch
from pail.crdt import put as crdt_put
from pail.crdt import root as crdt_root
from pail.map import EMPTY, Diff, batch, delete, put
from tests.memory_store import MemoryStore, value
from tests.peers.npm import node_of, npm_project

SEED = 20261120
RUNS = 12
STEPS = 60

pytestmark = pytest.mark.peer


def random_key(chance: random.Random) -> str:
    if chance.random() < 0.3:
        return f"did:plc:{chance.choice(['aa', 'ab', 'b'])}/backups/{chance.randint(0, 99):02}"
    return "".join(chance.choices("abc/ ~", k=chance.randint(0, 7)))


def random_puts(chance: random.Random) -> list[list[str]]:
    return [[random_key(chance), str(value(str(chance.random())))] for _ in range(chance.randint(1, 12))]


def random_step(chance: random.Random, keys: set[str]) -> dict:
    """Keys end in `.`, so that none is another's prefix once deletes come into play: there the original
    loses entries.
    """
    kind = chance.random()
    if keys and kind < 0.3:
        return {"op": "del", "key": chance.choice(sorted(keys))}
    if kind < 0.4:
        return {"op": "batch", "entries": [[key + ".", cid] for key, cid in random_puts(chance)]}
    return {"op": "put", "key": random_key(chance) + ".", "value": str(value(str(kind)))}


def random_map_run(chance: random.Random, with_deletes: bool) -> list[dict]:
    if not with_deletes:
        puts = random_puts(chance) * 3
        return [{"op": "put", "key": key, "value": cid} for key, cid in puts]
    steps: list[dict] = []
    keys: set[str] = set()
    for _ in range(STEPS):
        step = random_step(chance, keys)
        steps.append(step)
        keys |= {key for key, _ in step.get("entries", [])} | (
            {step["key"]} if step["op"] == "put" else set()
        )
    return steps


def random_clock_run(chance: random.Random) -> list[dict]:
    """A first put that all have, then three replicas that put, and now and then see one another."""
    steps: list[dict] = [{"op": "put", "replica": "0", "key": "first", "value": str(value("first"))}]
    steps += [{"op": "pull", "replica": replica, "from": "0"} for replica in "12"]
    for _ in range(25):
        replica, other = chance.sample("012", 2)
        kind = chance.random()
        if kind < 0.3:
            steps.append({"op": "pull", "replica": replica, "from": other})
        elif kind < 0.45:
            steps.append({"op": "batch", "replica": replica, "entries": random_puts(chance)})
        else:
            key, cid = random_puts(chance)[0]
            steps.append({"op": "put", "replica": replica, "key": key, "value": cid})
    return steps


@pytest.fixture(scope="module")
def runs() -> dict[str, list[list[dict]]]:
    chance = random.Random(SEED)
    return {
        "map": [random_map_run(chance, with_deletes=index % 2 == 1) for index in range(RUNS)],
        "clocks": [random_clock_run(chance) for _ in range(RUNS)],
    }


@pytest.fixture(scope="module")
def peer(runs) -> dict:
    project = npm_project(Path(__file__).parent / "pail")
    done = subprocess.run(
        [node_of(project), project / "peer.mjs"],
        input=json.dumps(runs),
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def pairs(step: dict) -> list[tuple[str, CID]]:
    return [(key, parse_cid(cid)) for key, cid in step["entries"]]


def change(store: MemoryStore, root: CID, step: dict) -> Diff:
    walks = {
        "put": lambda: put(root, step["key"], parse_cid(step["value"])),
        "del": lambda: delete(root, step["key"]),
        "batch": lambda: batch(root, pairs(step)),
    }
    return store.write(walks[step["op"]]())


@pytest.mark.parametrize("index", range(RUNS))
def test_the_map_has_the_same_roots_and_shards(index: int, runs, peer) -> None:
    store, root = MemoryStore(), EMPTY.cid
    answers = peer["map"][index]
    assert len(answers["steps"]) == len(runs["map"][index]) > 0
    for step, answer in zip(runs["map"][index], answers["steps"], strict=True):
        diff = change(store, root, step)
        root = diff.root
        assert str(root) == answer["root"], step
        assert {str(block.cid) for block in diff.additions} == set(answer["additions"])
        assert {str(cid) for cid in diff.removals} == set(answer["removals"])
    assert [[key, str(cid)] for key, cid in store.listed(root).items()] == answers["entries"]


def update(store: MemoryStore, head: Head, step: dict) -> Update:
    if step["op"] == "batch":
        return store.commit(crdt_batch(head, pairs(step)))
    return store.commit(crdt_put(head, step["key"], parse_cid(step["value"])))


@pytest.mark.parametrize("index", range(RUNS))
def test_the_clock_has_the_same_events_heads_and_roots(index: int, runs, peer) -> None:
    store = MemoryStore()
    heads: dict[str, Head] = {}
    answers = peer["clocks"][index]["steps"]
    assert len(answers) == len(runs["clocks"][index]) > 0
    for step, answer in zip(runs["clocks"][index], answers, strict=True):
        head = heads.get(step["replica"], ())
        event = None
        if step["op"] == "pull":
            for other in heads[step["from"]]:
                head = store.run(advance(head, other))
        else:
            done = update(store, head, step)
            head, event = done.head, done.event and str(done.event.cid)
        heads[step["replica"]] = head
        assert sorted(map(str, head)) == answer["head"], step
        assert event == answer["event"], step
        assert str(store.run(crdt_root(head)).root) == answer["root"], step
