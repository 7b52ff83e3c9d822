"""The owner's session at their host: app password for now. Tokens rotate, and are seen by that host alone.

Source: the com.atproto.server lexicons.
"""

from __future__ import annotations

from pathlib import Path

import httpx

from backup_agent.auth import with_token
from backup_agent.errors import HostError, TokenRefused
from backup_agent.identity import Identity
from backup_agent.net import Http
from backup_agent.net.url import host_of
from backup_agent.secret import Secret
from backup_agent.session_errors import LoginFailed, NotLoggedIn, SessionExpired
from backup_agent.session_file import StoredSession, load_session, locked_session, save_session
from backup_agent.xrpc import JsonObject, Xrpc

MAX_TOKEN_CHARS = 8192

_CREATE = "com.atproto.server.createSession"
_REFRESH = "com.atproto.server.refreshSession"
_GET_PREFERENCES = "app.bsky.actor.getPreferences"


async def login(http: Http, identity: Identity, password: Secret, folder: Path) -> Session:
    """A new session at the host that the DID document names (T6), saved in `folder`.

    password: an app password. Works for a deactivated and a taken-down account too.
    Raises LoginFailed, AccountError, SessionUnusable, and what `Http.fetch` does.
    """
    xrpc = Xrpc(http, identity.pds, identity.did)
    body = {"identifier": identity.did, "password": password.reveal(), "allowTakendown": True}
    try:
        told = await xrpc.post(_CREATE, body)
    except TokenRefused as error:
        why = "the app password is wrong or was revoked"
        if error.name == "AuthFactorTokenRequired":
            why = "it asks for a code by e-mail; make an app password in the account's settings and use that"
        raise LoginFailed(identity.did, error.host, why) from error
    stored = _stored(told, identity.did, identity.pds)
    save_session(folder, stored)
    return Session(http, folder, stored)


def open_session(http: Http, identity: Identity, folder: Path) -> Session:
    """The session saved by `login`. Raises NotLoggedIn, SessionUnusable, SessionExpired.

    A session of a host that the account has left is as good as expired: its tokens go nowhere else.
    """
    stored = load_session(folder, identity.did)
    if stored is None:
        raise NotLoggedIn(identity.did)
    if stored.pds != identity.pds:
        raise SessionExpired(identity.did)
    return Session(http, folder, stored)


class Session:
    """One account's tokens, refreshed when the host refuses them. An `Auth`."""

    def __init__(self, http: Http, folder: Path, stored: StoredSession) -> None:
        self._http, self._folder, self._stored = http, folder, stored

    @property
    def did(self) -> str:
        return self._stored.did

    async def token(self, *, refused: Secret | None = None) -> Secret:
        """The access token; another one if `refused` is the present one.

        A token that another process has refreshed meanwhile is taken from the file.
        Raises SessionExpired, NotLoggedIn, SessionUnusable, and what `Http.fetch` does.
        """
        if refused is None or refused != self._stored.access:
            return self._stored.access
        async with locked_session(self._folder, self.did):
            stored = load_session(self._folder, self.did)
            if stored is None:
                raise NotLoggedIn(self.did)
            if stored.access == refused:
                stored = await self._refresh(stored)
                save_session(self._folder, stored)
            self._stored = stored
        return stored.access

    async def get_preferences(self) -> bytes:
        """The answer of app.bsky.actor.getPreferences, JSON as received. Raises SessionExpired, HostError."""
        xrpc = Xrpc(self._http, self._stored.pds, self.did)
        return await with_token(self, lambda token: xrpc.get(_GET_PREFERENCES, {}, token=token))

    async def _refresh(self, stored: StoredSession) -> StoredSession:
        xrpc = Xrpc(self._http, stored.pds, stored.did)
        try:
            told = await xrpc.post(_REFRESH, None, token=stored.refresh)
        except TokenRefused as error:
            raise SessionExpired(stored.did) from error
        return _stored(told, stored.did, stored.pds)


def _stored(told: JsonObject, did: str, pds: str) -> StoredSession:
    """The session that a host grants. Raises HostError if it is another account's, or none."""
    host = host_of(httpx.URL(pds))
    if told.get("did") != did:
        raise HostError(host, "it logged in another account than the one asked for")
    return StoredSession(did, pds, _token(host, told.get("accessJwt")), _token(host, told.get("refreshJwt")))


def _token(host: str, told: object) -> Secret:
    token = Secret(told if isinstance(told, str) else "")
    if len(token.reveal()) > MAX_TOKEN_CHARS or not token.fits_header:
        raise HostError(host, "the session it grants has no usable tokens")
    return token
