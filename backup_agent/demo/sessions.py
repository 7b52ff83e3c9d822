"""App-password sessions as the reference PDS grants them: short access tokens, refresh tokens good once."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time

from backup_agent.demo.recording import Json

ACCESS_S = 2 * 3600
REFRESH_S = 90 * 24 * 3600

_ACCESS, _REFRESH = "com.atproto.appPass", "com.atproto.refresh"


class Sessions:
    """The tokens of one account; nothing outlives the object."""

    def __init__(self, did: str) -> None:
        self._did, self._key = did, secrets.token_bytes(32)
        self._used: set[str] = set()

    def grant(self) -> Json:
        """A new pair of tokens, as createSession and refreshSession answer them."""
        return {"accessJwt": self._token(_ACCESS, ACCESS_S), "refreshJwt": self._token(_REFRESH, REFRESH_S)}

    def use_up(self, token: str) -> bool:
        """Whether this is the first time."""
        first = token not in self._used
        self._used.add(token)
        return first

    def allows_access(self, token: str) -> bool:
        return self._scope(token) == _ACCESS

    def allows_refresh(self, token: str) -> bool:
        return self._scope(token) == _REFRESH

    def _token(self, scope: str, lifetime_s: int) -> str:
        now = int(time.time())
        claims = {"scope": scope, "sub": self._did, "iat": now, "exp": now + lifetime_s}
        head = (
            _segment({"typ": "at+jwt", "alg": "HS256"})
            + "."
            + _segment(claims | {"jti": secrets.token_hex(8)})
        )
        return head + "." + self._mac(head)

    def _scope(self, token: str) -> str | None:
        """What a token of ours that is still good is for."""
        head, _, mac = token.rpartition(".")
        if not hmac.compare_digest(mac.encode(), self._mac(head).encode()):
            return None
        claims = json.loads(_decode(head.partition(".")[2]))
        return claims["scope"] if claims["exp"] > time.time() else None

    def _mac(self, head: str) -> str:
        return _encode(hmac.digest(self._key, head.encode(), hashlib.sha256))


def _segment(value: Json) -> str:
    return _encode(json.dumps(value, separators=(",", ":")).encode())


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
