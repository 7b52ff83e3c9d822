"""The owner's side of an account on a test PDS: make it, fill it, change it, import into it."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import httpx

from tests.peers import made_account
from tests.peers.made_account import Json, MadeRecord

PASSWORD = "hunter2-hunter2"
ADMIN_PASSWORD = "admin-pass"
WRITES_PER_CALL = 200
TIMEOUT_S = 120


class PdsRefused(Exception):
    """The PDS answered with an error; its status and text are the message."""


@dataclass(frozen=True, slots=True)
class Owner:
    """A logged-in account: every call is made with its access token."""

    pds: str
    did: str
    handle: str
    token: str
    password: str = PASSWORD
    blobs: tuple[Json, ...] = ()
    """Blob references as uploadBlob answered them; the CID is at `["ref"]["$link"]`."""

    def call(self, method: str, nsid: str, **request: Any) -> Any:
        """The JSON answer, None if it has no body. Raises PdsRefused."""
        return call(self.pds, method, nsid, token=self.token, **request)

    def make_post(self, text: str, image: Json | None = None) -> Json:
        """`uri`, `cid` and `commit` of a new post; `image` is a blob reference."""
        at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        post: Json = {"$type": "app.bsky.feed.post", "text": text, "createdAt": at}
        if image is not None:
            post["embed"] = {"$type": "app.bsky.embed.images", "images": [{"alt": "", "image": image}]}
        body = {"repo": self.did, "collection": "app.bsky.feed.post", "record": post}
        return self.call("POST", "com.atproto.repo.createRecord", json=body)

    def delete_record(self, collection: str, rkey: str) -> None:
        body = {"repo": self.did, "collection": collection, "rkey": rkey}
        self.call("POST", "com.atproto.repo.deleteRecord", json=body)

    def put_records(self, records: Iterable[MadeRecord]) -> int:
        """Create all of them, WRITES_PER_CALL to a commit; answers how many."""
        writes, done = iter([_create(record) for record in records]), 0
        while batch := list(islice(writes, WRITES_PER_CALL)):
            self.call("POST", "com.atproto.repo.applyWrites", json={"repo": self.did, "writes": batch})
            done += len(batch)
        return done

    def upload_blob(self, content: bytes, mime: str) -> Json:
        headers = {"content-type": mime}
        return self.call("POST", "com.atproto.repo.uploadBlob", content=content, headers=headers)["blob"]

    def import_repo(self, car: bytes) -> None:
        """Replace the repository by that of `car`; the PDS checks its structure, not its signature."""
        headers = {"content-type": "application/vnd.ipld.car"}
        self.call("POST", "com.atproto.repo.importRepo", content=car, headers=headers)

    def status(self) -> Json:
        """checkAccountStatus: `indexedRecords`, `expectedBlobs`, `importedBlobs`, `repoCommit`, …"""
        return self.call("GET", "com.atproto.server.checkAccountStatus")

    def move_to(self, pds: str, handle: str) -> Owner:
        """The same DID as an empty, deactivated account on another PDS, ready for `import_repo`.

        The identity stays as it is: the PLC directory is not told.
        """
        lxm = "com.atproto.server.createAccount"
        aud = call(pds, "GET", "com.atproto.server.describeServer")["did"]
        proof = self.call("GET", "com.atproto.server.getServiceAuth", params={"aud": aud, "lxm": lxm})
        body = {"did": self.did, "handle": handle, "email": _email(handle), "password": PASSWORD}
        made = call(pds, "POST", lxm, token=proof["token"], json=body)
        return Owner(pds, made["did"], handle, made["accessJwt"])


def seed_account(
    pds: str,
    handle: str,
    *,
    records: int = 60,
    blobs: int = 5,
    seed: int = 1,
    recovery_key: str | None = None,
) -> Owner:
    """A new account with `records` records, `blobs` blobs (see `made_account`) and preferences."""
    rnd = random.Random(seed)
    body = {"handle": handle, "email": _email(handle), "password": PASSWORD}
    if recovery_key:
        body["recoveryKey"] = recovery_key
    made = call(pds, "POST", "com.atproto.server.createAccount", json=body)
    owner = Owner(pds, made["did"], handle, made["accessJwt"])
    refs = tuple(owner.upload_blob(*blob) for blob in made_account.blobs(rnd, blobs))
    owner.put_records(made_account.records(rnd, owner.did, records, refs))
    owner.call("POST", "app.bsky.actor.putPreferences", json={"preferences": made_account.preferences()})
    return Owner(pds, owner.did, handle, owner.token, blobs=refs)


def take_down(owner: Owner) -> None:
    """As the PDS's administrator."""
    subject = {"$type": "com.atproto.admin.defs#repoRef", "did": owner.did}
    body = {"subject": subject, "takedown": {"applied": True, "ref": "test"}}
    nsid = "com.atproto.admin.updateSubjectStatus"
    call(owner.pds, "POST", nsid, json=body, auth=("admin", ADMIN_PASSWORD))


def call(pds: str, method: str, nsid: str, *, token: str | None = None, **request: Any) -> Any:
    """One XRPC request. Raises PdsRefused for any answer but a success."""
    headers = request.pop("headers", {}) | ({"authorization": f"Bearer {token}"} if token else {})
    answer = httpx.request(method, f"{pds}/xrpc/{nsid}", headers=headers, timeout=TIMEOUT_S, **request)
    if answer.is_error:
        raise PdsRefused(f"{method} {nsid}: {answer.status_code} {answer.text[:500]}")
    return answer.json() if answer.content else None


def _create(record: MadeRecord) -> Json:
    kind = "com.atproto.repo.applyWrites#create"
    return {"$type": kind, "collection": record.collection, "rkey": record.rkey, "value": record.value}


def _email(handle: str) -> str:
    return handle.split(".")[0] + "@mail.test.example.com"
