"""Record the demo's account from the reference PDS: `python -m tests.peers.record_account`.

Replaces `backup_agent/demo/account`. The records and blobs are the same each time; the DID, the signing
key and the revs are not, since the PDS makes them.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import httpx

from backup_agent.demo.k256 import K256Key
from backup_agent.demo.recording import ACCOUNT
from pail import parse_cid, verify_block
from tests.peers.bed import PdsBed, run_bed
from tests.peers.npm import install
from tests.peers.pds_client import Owner, call, seed_account

HANDLE = "river.a.test"
SEED = 20261120
RECORDS = 300
BLOBS = 6
NEXT_POST = "One more post, written after the first backup. 🦋"
ROTATION_KEY = K256Key(
    hashlib.sha256(b"the demo's rotation key, which is public and guards nothing").digest()
)
"""Lets the demo host move the account to the port it listens on: a PLC operation signed by this key."""


def main() -> None:
    shutil.rmtree(ACCOUNT, ignore_errors=True)
    (ACCOUNT / "blobs").mkdir(parents=True)
    with run_bed(install(Path(__file__).parent / "pds")) as bed:
        owner = seed_account(
            bed.a, HANDLE, records=RECORDS, blobs=BLOBS, seed=SEED, recovery_key=ROTATION_KEY.did
        )
        _record(bed, owner)


def _record(bed: PdsBed, owner: Owner) -> None:
    first = _save_sync(owner, "repo.car")
    _save("did.json", httpx.get(f"{bed.plc}/{owner.did}"))
    _save("plc-audit.json", httpx.get(f"{bed.plc}/{owner.did}/log/audit"))
    headers = {"authorization": f"Bearer {owner.token}"}
    _save("preferences.json", httpx.get(f"{bed.a}/xrpc/app.bsky.actor.getPreferences", headers=headers))
    blobs = [_save_blob(owner, ref["ref"]["$link"], ref["mimeType"]) for ref in owner.blobs]
    owner.make_post(NEXT_POST)
    second = _save_sync(owner, "repo-2.car")
    _save("delta.car", _sync(owner, "getRepo", since=first["rev"]))
    meta = {
        "did": owner.did,
        "handle": HANDLE,
        "password": owner.password,
        "rotationKey": ROTATION_KEY.secret.hex(),
    }
    about = {"pds": f"@atproto/pds {bed.pds}", "seed": SEED, "records": RECORDS, "nextPost": NEXT_POST}
    text = json.dumps(
        meta | about | {"commits": [first, second], "blobs": blobs}, indent=1, ensure_ascii=False
    )
    (ACCOUNT / "meta.json").write_text(text + "\n")


def _save_sync(owner: Owner, name: str) -> dict[str, str]:
    """Save the whole repository; answers its `cid` and `rev`."""
    head = call(owner.pds, "GET", "com.atproto.sync.getLatestCommit", params={"did": owner.did})
    _save(name, _sync(owner, "getRepo"))
    return head


def _save_blob(owner: Owner, cid: str, mime: str) -> dict[str, Any]:
    answer = _sync(owner, "getBlob", cid=cid)
    verify_block(parse_cid(cid), answer.content)
    _save(f"blobs/{cid}", answer)
    return {"cid": cid, "mimeType": mime, "size": len(answer.content)}


def _sync(owner: Owner, method: str, **params: str) -> httpx.Response:
    url = f"{owner.pds}/xrpc/com.atproto.sync.{method}"
    return httpx.get(url, params={"did": owner.did, **params}, timeout=60)


def _save(name: str, answer: httpx.Response) -> None:
    (ACCOUNT / name).write_bytes(answer.raise_for_status().content)


if __name__ == "__main__":
    main()
