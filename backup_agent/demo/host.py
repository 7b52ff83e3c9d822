"""The demo host: the recorded account's PDS and PLC directory in one small app on loopback.

Answers as the reference PDS 0.5.35 was seen to answer, errors included.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Iterator

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from backup_agent.demo.plc_log import document, moved
from backup_agent.demo.recording import Json, Recording
from backup_agent.demo.sessions import Sessions

CHUNK_BYTES = 64 << 10
HEADER_ONLY_BYTES = 59
"""A CAR with one root and no blocks: what the reference PDS answers when `since` is not behind the head."""

DEFAULT_PAGE = 500

Handler = Callable[[Request], Awaitable[Response]]


class Refused(Exception):
    """An XRPC error, answered as `{"error": name, "message": …}`."""

    def __init__(self, status: int, name: str, message: str) -> None:
        super().__init__(message)
        self.status, self.name = status, name


class DemoHost:
    """One account at its first recorded commit, or after `publish_next_post` at its second.

    url: where the app will be reachable; the PLC log moves the account there.
    """

    def __init__(self, recording: Recording, url: str) -> None:
        self.recording, self.url = recording, url
        self.plc_log = moved(recording.plc_log, recording.rotation_key, url)
        self.head = recording.first
        self._sessions = Sessions(recording.did)
        self.app = Starlette(routes=list(self._routes()), exception_handlers={Refused: _answer_refusal})

    def publish_next_post(self) -> None:
        """From now on the account is at its second commit."""
        self.head = self.recording.second

    def _routes(self) -> Iterator[Route]:
        yield Route("/.well-known/atproto-did", self._well_known)
        yield Route("/{did}/log/audit", self._audit_log)
        yield Route("/xrpc/com.atproto.server.createSession", self._create_session, methods=["POST"])
        yield Route("/xrpc/com.atproto.server.refreshSession", self._refresh_session, methods=["POST"])
        for nsid, handler in self._queries().items():
            yield Route(f"/xrpc/{nsid}", handler)
        yield Route("/{did}", self._did_document)

    def _queries(self) -> dict[str, Handler]:
        return {
            "app.bsky.actor.getPreferences": self._get_preferences,
            "com.atproto.identity.resolveHandle": self._resolve_handle,
            "com.atproto.sync.getBlob": self._get_blob,
            "com.atproto.sync.getLatestCommit": self._get_latest_commit,
            "com.atproto.sync.getRepo": self._get_repo,
            "com.atproto.sync.listBlobs": self._list_blobs,
        }

    # The directory

    async def _did_document(self, request: Request) -> Response:
        self._check_known(request.path_params["did"])
        return JSONResponse(document(self.plc_log), media_type="application/did+ld+json")

    async def _audit_log(self, request: Request) -> Response:
        self._check_known(request.path_params["did"])
        return JSONResponse(self.plc_log)

    def _check_known(self, did: str) -> None:
        if did != self.recording.did:
            raise HTTPException(404, f"DID not registered: {did}")

    # Public queries

    async def _get_latest_commit(self, request: Request) -> Response:
        self._check_did(request)
        return JSONResponse({"cid": self.head.cid, "rev": self.head.rev})

    async def _get_repo(self, request: Request) -> Response:
        self._check_did(request)
        car = self._car_since(request.query_params.get("since", ""))
        chunks = (car[at : at + CHUNK_BYTES] for at in range(0, len(car), CHUNK_BYTES))
        return StreamingResponse(chunks, media_type="application/vnd.ipld.car")

    def _car_since(self, since: str) -> bytes:
        if since >= self.head.rev:
            return self.head.car[:HEADER_ONLY_BYTES]
        return self.head.car if since < self.recording.first.rev else self.recording.delta

    async def _list_blobs(self, request: Request) -> Response:
        """In the order of their CIDs; a cursor until a page is empty, as on the reference PDS."""
        self._check_did(request)
        query = request.query_params
        cursor, since = query.get("cursor", ""), query.get("since", "")
        held = sorted(self.recording.blobs) if since < self.recording.first.rev else []
        page = [cid for cid in held if cid > cursor][: int(query.get("limit", DEFAULT_PAGE))]
        return JSONResponse({"cids": page} | ({"cursor": page[-1]} if page else {}))

    async def _get_blob(self, request: Request) -> Response:
        self._check_did(request)
        cid = request.query_params.get("cid", "")
        if cid not in self.recording.blobs:
            raise Refused(400, "InvalidRequest", "Blob not found")
        headers = {
            "x-content-type-options": "nosniff",
            "content-security-policy": "default-src 'none'; sandbox",
        }
        return Response(self.recording.blob(cid), media_type=self.recording.blobs[cid], headers=headers)

    async def _resolve_handle(self, request: Request) -> Response:
        if request.query_params.get("handle") != self.recording.handle:
            raise Refused(400, "HandleNotFound", "Unable to resolve handle")
        return JSONResponse({"did": self.recording.did})

    async def _well_known(self, request: Request) -> Response:
        if request.url.hostname != self.recording.handle:
            return PlainTextResponse("User not found", 404)
        return PlainTextResponse(self.recording.did)

    def _check_did(self, request: Request) -> None:
        did = request.query_params.get("did", "")
        if did != self.recording.did:
            raise Refused(400, "RepoNotFound", f"Could not find repo for DID: {did}")

    # The owner

    async def _create_session(self, request: Request) -> Response:
        said: Json = await request.json()
        known = said.get("identifier") in (self.recording.did, self.recording.handle)
        if not known or not secrets.compare_digest(str(said.get("password")), self.recording.password):
            raise Refused(401, "AuthenticationRequired", "Invalid identifier or password")
        return self._session()

    async def _refresh_session(self, request: Request) -> Response:
        token = _bearer(request)
        if not self._sessions.allows_refresh(token):
            raise Refused(400, "InvalidToken", "Token could not be verified")
        if not self._sessions.use_up(token):
            raise Refused(400, "ExpiredToken", "Token has been revoked")
        return self._session()

    def _session(self) -> Response:
        recording = self.recording
        about = {"did": recording.did, "handle": recording.handle, "active": True, "emailConfirmed": False}
        more = {"email": "river@mail.test.example.com", "didDoc": document(self.plc_log)}
        return JSONResponse(about | more | self._sessions.grant())

    async def _get_preferences(self, request: Request) -> Response:
        if not self._sessions.allows_access(_bearer(request)):
            raise Refused(400, "InvalidToken", "Token could not be verified")
        return Response(self.recording.preferences, media_type="application/json")


def _bearer(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Refused(401, "AuthMissing", "Authentication Required")
    return token


async def _answer_refusal(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return JSONResponse({"error": error.name, "message": str(error)}, error.status)
