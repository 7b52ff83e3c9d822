"""A repository as a whole: proved, or refused for the one thing that is wrong."""

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from backup_agent.atproto.blob_refs import BlobRef
from backup_agent.atproto.commit import decode_commit, verify_commit
from backup_agent.atproto.did_document import decode_did_document
from backup_agent.atproto.errors import InvalidCommit, InvalidRecord, InvalidTree
from backup_agent.atproto.mst import find_record
from backup_agent.atproto.plc import verify_plc_log
from backup_agent.atproto.repo import ChangeProof, RepoProof, verify_change, verify_repo
from bench.make_repo import Repo, did_key, make_repo, sign_commit
from bench.tree_builder import build_tree, put_value
from pail import CID, MissingBlock, parse_cid, run
from tests.backup_agent.atproto.trees import VECTORS, read_car, reader

SMALL_DID, SMALL_KEY = (
    "did:plc:v2zcsbmbhlh2frrbpukqemn6",
    "did:key:zQ3shrhGj2U466kNVjJ4aNh7sddNwakKH5JtuUq91hFqyxxDS",
)
ACCOUNT = VECTORS / "small-account"
COMMITS = sorted((VECTORS / "indigo/atproto/repo/testdata").glob("firehose_commit_*.json"))
KEY = ec.derive_private_key(9, ec.SECP256K1())


@pytest.fixture(scope="module")
def repo() -> Repo:
    return make_repo(300)


def prove(repo: Repo, commit: CID | None = None, key: str = "", **more: Any) -> RepoProof:
    blobs: list[BlobRef] = more.pop("blobs", [])
    walk = verify_repo(
        commit or repo.commit, did=repo.did, signing_key=key or repo.signing_key, visit_blob=blobs.append
    )
    return run(walk, reader(repo.blocks | more.pop("blocks", {})))


def recommit(repo: Repo, records: dict[str, CID], blocks: dict[CID, bytes], rev: str) -> CID:
    """A commit of the same account, signed by KEY, with these records."""
    return sign_commit(KEY, repo.did, build_tree(records, blocks), rev, blocks)


def prove_change(
    repo: Repo, commit: CID, previous: CID, blocks: dict[CID, bytes], blobs: list[BlobRef]
) -> ChangeProof:
    walk = verify_change(
        commit, previous=previous, did=repo.did, signing_key=did_key(KEY), visit_blob=blobs.append
    )
    return run(walk, reader(blocks))


def test_a_recorded_account_is_proved() -> None:
    root, blocks = read_car((ACCOUNT / "repo.car").read_bytes())
    blobs: list[BlobRef] = []
    walk = verify_repo(root, did=SMALL_DID, signing_key=SMALL_KEY, visit_blob=blobs.append)
    proof = run(walk, reader(blocks))
    assert (proof.commit.rev, proof.records) == ("3n2rgos5zvk2i", 200)
    assert proof.nodes + proof.records + 1 == len(blocks)
    assert len({ref.cid for ref in blobs}) == 10


def test_a_recorded_change_is_proved() -> None:
    before, blocks = read_car((ACCOUNT / "repo.car").read_bytes())
    after, delta = read_car((ACCOUNT / "delta.car").read_bytes())
    walk = verify_change(
        after, previous=before, did=SMALL_DID, signing_key=SMALL_KEY, visit_blob=lambda _: None
    )
    proof = run(walk, reader(blocks | delta))
    assert [change.key for change in proof.changes] == [b"app.bsky.feed.post/3n2rgosqcuc2i"]
    assert {proof.commit.cid, proof.changes[0].new} | proof.new_nodes == set(delta) - set(blocks)


def test_a_recorded_identity_is_proved() -> None:
    state = verify_plc_log(SMALL_DID, (ACCOUNT / "plc-audit.json").read_bytes())
    document = decode_did_document(SMALL_DID, (ACCOUNT / "did.json").read_bytes())
    assert state.contradictions(document) == []
    assert document.signing_key == SMALL_KEY


def test_a_made_account_is_proved(repo: Repo) -> None:
    blobs: list[BlobRef] = []
    proof = prove(repo, blobs=blobs)
    assert proof.records == len(repo.records) == 300
    assert proof.nodes + 301 == len(repo.blocks)
    assert blobs


def test_every_missing_block_is_named(repo: Repo) -> None:
    for cid in list(repo.blocks)[::7]:
        left = repo._replace(blocks={other: data for other, data in repo.blocks.items() if other != cid})
        with pytest.raises(MissingBlock) as missing:
            prove(left)
        assert missing.value.cid == cid


def test_another_signing_key_is_refused(repo: Repo) -> None:
    with pytest.raises(InvalidCommit, match="does not match"):
        prove(repo, key=did_key(KEY))


def test_a_commit_that_points_to_a_record_is_refused(repo: Repo) -> None:
    blocks: dict[CID, bytes] = {}
    commit = sign_commit(KEY, repo.did, next(iter(repo.records.values())), "3jzfcijpj2z2a", blocks)
    with pytest.raises(InvalidTree, match="no map of exactly e and l"):
        prove(repo, commit, did_key(KEY), blocks=blocks)


@pytest.mark.parametrize("record", [[], "text", {"half": 1e308}])
def test_a_record_of_any_kind_is_the_owners(repo: Repo, record: Any) -> None:
    blocks: dict[CID, bytes] = {}
    records = {**repo.records, "a.b.c/self": put_value(record, blocks)}
    commit = recommit(repo, records, blocks, "3jzfcijpj2z2a")
    assert prove(repo, commit, did_key(KEY), blocks=blocks)


def nested(value: Any, depth: int) -> Any:
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("record", "cause"), [(["mimeType"], "it is no map"), ({"mimeType": nested(0, 80)}, "nested deeper")]
)
def test_a_record_whose_links_cannot_be_known_is_refused_by_its_path(
    repo: Repo, record: Any, cause: str
) -> None:
    blocks: dict[CID, bytes] = {}
    records = {**repo.records, "a.b.c/self": put_value(record, blocks)}
    commit = recommit(repo, records, blocks, "3jzfcijpj2z2a")
    with pytest.raises(InvalidRecord, match=f"{cause}.*, at a.b.c/self") as refusal:
        prove(repo, commit, did_key(KEY), blocks=blocks)
    assert refusal.value.cid == records["a.b.c/self"]


def test_a_change_is_proved_from_what_differs(repo: Repo) -> None:
    blob = {"$type": "blob", "ref": CID(bytes.fromhex("01551220") + bytes(32)), "mimeType": "a/b", "size": 1}
    blocks = dict(repo.blocks)
    before = recommit(repo, repo.records, blocks, "3jzfcijpj2z2a")
    gone = sorted(repo.records)[150]
    records = {key: cid for key, cid in repo.records.items() if key != gone}
    records["a.b.c/new"] = put_value({"image": blob}, blocks)
    after = recommit(repo, records, blocks, "3jzfcijpj2z2b")
    blobs: list[BlobRef] = []
    proof = prove_change(repo, after, before, blocks, blobs)
    assert [change.key.decode() for change in proof.changes] == ["a.b.c/new", gone]
    assert [ref.cid for ref in blobs] == [blob["ref"]]
    assert proof.previous.cid == before


def test_a_change_needs_the_new_records(repo: Repo) -> None:
    blocks = dict(repo.blocks)
    before = recommit(repo, repo.records, blocks, "3jzfcijpj2z2a")
    new = put_value({"new": 1}, {})
    after = recommit(repo, {**repo.records, "a.b.c/new": new}, blocks, "3jzfcijpj2z2b")
    with pytest.raises(MissingBlock) as missing:
        prove_change(repo, after, before, blocks, [])
    assert missing.value.cid == new


def test_a_change_of_another_account_is_refused(repo: Repo) -> None:
    blocks = dict(repo.blocks)
    other = repo._replace(did="did:plc:other")
    before, after = (recommit(it, repo.records, blocks, "3jzfcijpj2z2a") for it in (repo, other))
    with pytest.raises(InvalidCommit, match="the commit of did:plc:other"):
        prove_change(repo, after, before, blocks, [])


def test_there_are_recorded_commits() -> None:
    assert len(COMMITS) == 4


@pytest.mark.parametrize("path", COMMITS, ids=lambda path: path.stem)
def test_a_commit_from_the_firehose_proves_its_operations(path: Any) -> None:
    event = json.loads(path.read_bytes())
    root, blocks = read_car(base64.b64decode(event["blocks"]["$bytes"] + "=="))
    commit = decode_commit(root, blocks[root])
    assert (commit.did, commit.rev) == (event["repo"], event["rev"])
    for operation in event["ops"]:
        found = run(find_record(commit.root, operation["path"].encode()), reader(blocks))
        assert found == (operation["cid"] and parse_cid(operation["cid"]["$link"]))


@pytest.mark.parametrize("name", ["greenground.repo.car", "divy.repo"])
def test_recorded_repositories_of_unknown_keys_are_refused(name: str) -> None:
    root, blocks = read_car((VECTORS / "indigo/testing/testdata" / name).read_bytes())
    with pytest.raises(InvalidCommit, match=r"version 2, not 3|does not match"):
        verify_commit(
            decode_commit(root, blocks[root]), did="did:plc:kzcqyc3unb33eh5sxzsfs25z", signing_key=SMALL_KEY
        )
