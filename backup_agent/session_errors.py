"""What keeps the agent from acting for the owner; the text is one sentence for the user.

SessionError           what needs the owner cannot be done
├── NotLoggedIn        there is no session for the account
├── LoginFailed        the host refused the password
├── SessionExpired     the session ended or was revoked: log in again
└── SessionUnusable    the session's file cannot be read, written or locked
"""

from __future__ import annotations

from pathlib import Path

from backup_agent.errors import AgentError


class SessionError(AgentError):
    """What needs the owner's session cannot be done."""


class NotLoggedIn(SessionError):
    def __init__(self, did: str) -> None:
        super().__init__(f"there is no session for {did}; log in with `skypail login {did}`")
        self.did = did


class LoginFailed(SessionError):
    def __init__(self, did: str, host: str, why: str) -> None:
        super().__init__(f"host {host} refused the login of {did}: {why}")
        self.did, self.host = did, host


class SessionUnusable(SessionError):
    def __init__(self, did: str, path: Path) -> None:
        super().__init__(f"{path} cannot be used; delete it, then log in with `skypail login {did}`")
        self.did, self.path = did, path


class SessionExpired(SessionError):
    def __init__(self, did: str) -> None:
        super().__init__(f"the session of {did} has ended; log in again with `skypail login {did}`")
        self.did = did
