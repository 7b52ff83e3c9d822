"""The original Storacha client, unchanged, against our provider."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import httpx
import pytest

from pail.car import CarReader
from tests.peers.npm import node_of, npm_project
from tests.provider.child import running

DID = "did:web:test.up.storacha.network"

pytestmark = pytest.mark.peer


def test_it_uploads_lists_delegates_and_revokes(tmp_path: Path) -> None:
    project = npm_project(Path(__file__).parent / "ucan")
    with running(tmp_path, did=DID) as provider:
        done = subprocess.run(
            [node_of(project), str(project / "upload-client-test.mjs"), f"{provider.url}/", DID],
            cwd=project,
            capture_output=True,
            text=True,
            timeout=100,
        )
    assert done.returncode == 0, done.stderr[-4000:]
    said = done.stdout.splitlines()
    root = "bafkreihs36subpzrqylqmedcy37asnx6hedwuzfeglvjzfgrqhpnahie5q"
    for line in (
        "shard bagbaierahnm7k3hsspipas4luqvedp4uewgy3sfbqzpdheaoirkiqhtheu4q 108",
        f"root {root}",
        "blobs 2",
        f"again {root}",
        "access/delegate ok",
        "claimed 2",
        "bob list before revoke ok",
    ):
        assert line in said
    assert any(line.startswith("bob list after revoke Unauthorized") for line in said)
    requests = [line.split() for line in said if line[:1].isdigit()]
    assert len(requests) == 27
    assert all(line[3] == "200" for line in requests)
    assert [line[4] for line in requests if "ERR" in line] == ["upload/list"]


def test_its_public_space_is_read_by_the_gateway(tmp_path: Path) -> None:
    """What it calls authorizing a gateway makes the space public; its files come back byte for byte."""
    project = npm_project(Path(__file__).parent / "ucan")
    with running(tmp_path, did=DID) as provider:
        done = subprocess.run(
            [node_of(project), str(project / "upload-files.mjs"), f"{provider.url}/", DID],
            cwd=project,
            capture_output=True,
            text=True,
            timeout=100,
        )
        assert done.returncode == 0, done.stderr[-4000:]
        said = json.loads(done.stdout)
        data = bytes((at * 31 + (at >> 8)) % 251 for at in range(said["size"]))
        ipfs = f"{provider.url}/ipfs"
        assert len(said["shards"]) > 1
        assert httpx.get(f"{ipfs}/{said['file']}").content == data
        part = httpx.get(f"{ipfs}/{said['file']}", headers={"range": "bytes=1048570-1048580"})
        assert (part.status_code, part.content) == (206, data[1048570:1048581])
        assert httpx.get(f"{ipfs}/{said['directory']}/a/small.bin").content == data[:1000]
        assert httpx.get(f"{ipfs}/{said['directory']}/b.txt").content == b"text"
        car = httpx.get(f"{ipfs}/{said['directory']}?format=car").content
        assert len(CarReader().feed(car)) == 4
        assert set(said["listed"]) == {said["file"], said["directory"]}
        assert httpx.get(f"{ipfs}/{said['gone']}").status_code == 401
        assert said["info"]["did"] == said["space"]
