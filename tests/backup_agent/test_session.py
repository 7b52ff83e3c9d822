"""The owner's session: logging in, reading, refreshing, and ending."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from backup_agent.errors import AccountTakendown, HostError, TokenRefused
from backup_agent.identity import Identity
from backup_agent.net import Http
from backup_agent.secret import Secret
from backup_agent.session import Session, login, open_session
from backup_agent.session_errors import LoginFailed, NotLoggedIn, SessionExpired
from backup_agent.session_file import StoredSession, load_session, save_session
from tests.backup_agent.net.host import Answerer, Asked, Host, Time, http_in, reply, serving, told

T = TypeVar("T")

DID = "did:plc:v2zcsbmbhlh2frrbpukqemn6"
PASSWORD = Secret("abcd-efgh-ijkl-mnop")
PREFERENCES = b'{"preferences": [ {"$type": "app.bsky.actor.defs#adultContentPref"} ]}'


class Pds:
    """The session methods of a PDS, whose tokens are numbered: each refresh ends the ones before."""

    def __init__(self) -> None:
        self.number = 1
        self.revoked = False

    def __call__(self, asked: Asked) -> bytes:
        token = asked.headers.get("authorization", "").removeprefix("Bearer ")
        match asked.path.rpartition(".")[2]:
            case "createSession":
                return (
                    self.granted()
                    if PASSWORD.reveal() in asked.body.decode()
                    else refused("AuthenticationRequired", 401)
                )
            case "refreshSession" if token == f"refresh-{self.number}" and not self.revoked:
                self.number += 1
                return self.granted()
            case "getPreferences" if token == f"access-{self.number}" and not self.revoked:
                return reply(200, PREFERENCES)
            case _:
                return refused("ExpiredToken", 400)

    def granted(self) -> bytes:
        return told(
            {"did": DID, "accessJwt": f"access-{self.number}", "refreshJwt": f"refresh-{self.number}"}
        )


def refused(name: str, status: int) -> bytes:
    return told({"error": name, "message": "no"}, status)


def identity(pds: str) -> Identity:
    return Identity(DID, None, None, pds, "did:key:z", b"{}", None)


def visit(answer: Answerer, ask: Callable[[Http, Identity], Awaitable[T]]) -> tuple[T, Host]:
    async def main() -> tuple[T, Host]:
        async with serving(answer) as host, http_in(Time()) as http:
            return await ask(http, identity(host.url)), host

    return asyncio.run(main())


def logging_in(folder: Path, password: Secret = PASSWORD) -> Callable[[Http, Identity], Awaitable[Session]]:
    return lambda http, who: login(http, who, password, folder)


def test_login_asks_the_pds_and_saves_the_session(tmp_path: Path) -> None:
    _, host = visit(Pds(), logging_in(tmp_path))
    assert [(asked.method, asked.path) for asked in host.asked] == [
        ("POST", "/xrpc/com.atproto.server.createSession")
    ]
    assert load_session(tmp_path, DID) == StoredSession(
        DID, host.url, Secret("access-1"), Secret("refresh-1")
    )


def test_a_wrong_password(tmp_path: Path) -> None:
    with pytest.raises(LoginFailed, match="password is wrong"):
        visit(Pds(), logging_in(tmp_path, Secret("hunter2")))
    assert load_session(tmp_path, DID) is None


def test_a_password_that_needs_a_code(tmp_path: Path) -> None:
    with pytest.raises(LoginFailed, match="make an app password"):
        visit(lambda _: refused("AuthFactorTokenRequired", 401), logging_in(tmp_path))


def test_an_account_taken_down_for_good(tmp_path: Path) -> None:
    with pytest.raises(AccountTakendown):
        visit(lambda _: refused("AccountTakedown", 401), logging_in(tmp_path))


GRANT: dict[str, Any] = {"did": DID, "accessJwt": "a", "refreshJwt": "b"}


@pytest.mark.parametrize(
    "grant",
    [
        {},
        {**GRANT, "did": "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa"},
        {**GRANT, "accessJwt": 7},
        {**GRANT, "accessJwt": ""},
        {**GRANT, "accessJwt": "a\r\nhost: evil"},
        {**GRANT, "refreshJwt": "x" * 10_000},
    ],
)
def test_a_grant_that_makes_no_sense(tmp_path: Path, grant: object) -> None:
    with pytest.raises(HostError):
        visit(lambda _: told(grant), logging_in(tmp_path))
    assert load_session(tmp_path, DID) is None


def preferences(folder: Path) -> Callable[[Http, Identity], Awaitable[bytes]]:
    async def ask(http: Http, who: Identity) -> bytes:
        if load_session(folder, DID) is None:
            save_session(folder, StoredSession(DID, who.pds, Secret("access-1"), Secret("refresh-1")))
        return await open_session(http, who, folder).get_preferences()

    return ask


def test_preferences_are_given_as_received(tmp_path: Path) -> None:
    body, _ = visit(Pds(), preferences(tmp_path))
    assert body == PREFERENCES


def test_an_expired_token_is_refreshed_and_the_new_one_saved(tmp_path: Path) -> None:
    pds = Pds()

    async def ask(http: Http, who: Identity) -> bytes:
        session = await login(http, who, PASSWORD, tmp_path)
        pds.revoked, old = False, await session.token()
        assert old == Secret("access-1")
        await session.token(refused=old)
        return await open_session(http, who, tmp_path).get_preferences()

    body, host = visit(pds, ask)
    assert body == PREFERENCES
    assert [path.rpartition(".")[2] for path in host.paths] == [
        "createSession",
        "refreshSession",
        "getPreferences",
    ]


def test_reading_with_an_expired_token(tmp_path: Path) -> None:
    pds = Pds()
    pds.number = 1

    def expired_once(asked: Asked) -> bytes:
        if asked.headers["authorization"] == "Bearer access-1":
            return refused("ExpiredToken", 400)
        return pds(asked)

    body, host = visit(expired_once, preferences(tmp_path))
    assert body == PREFERENCES
    assert [path.rpartition(".")[2] for path in host.paths] == [
        "getPreferences",
        "refreshSession",
        "getPreferences",
    ]
    stored = load_session(tmp_path, DID)
    assert stored is not None
    assert stored.refresh == Secret("refresh-2")


def test_a_revoked_session_says_log_in_again(tmp_path: Path) -> None:
    pds = Pds()
    pds.revoked = True
    with pytest.raises(SessionExpired, match=f"log in again with `skypail login {DID}`") as error:
        visit(pds, preferences(tmp_path))
    assert "refresh-1" not in f"{error.value!r} {error.value.__cause__!r}"


def test_a_token_refused_for_ever_is_an_error(tmp_path: Path) -> None:
    pds = Pds()

    def stubborn(asked: Asked) -> bytes:
        return refused("ExpiredToken", 400) if asked.path.endswith("getPreferences") else pds(asked)

    with pytest.raises(TokenRefused):
        visit(stubborn, preferences(tmp_path))
    assert pds.number == 2


def test_a_token_that_may_not_is_not_refreshed(tmp_path: Path) -> None:
    pds = Pds()
    with pytest.raises(TokenRefused):
        visit(lambda _: refused("InvalidToken", 400), preferences(tmp_path))
    assert pds.number == 1


def test_two_at_once_refresh_once(tmp_path: Path) -> None:
    async def ask(http: Http, who: Identity) -> list[Secret]:
        first = await login(http, who, PASSWORD, tmp_path)
        second = open_session(http, who, tmp_path)
        old = await first.token()
        return await asyncio.gather(*(session.token(refused=old) for session in (first, second, first)))

    tokens, host = visit(Pds(), ask)
    assert tokens == [Secret("access-2")] * 3
    assert len([path for path in host.paths if path.endswith("refreshSession")]) == 1


def test_nobody_is_logged_in(tmp_path: Path) -> None:
    with pytest.raises(NotLoggedIn, match=f"skypail login {DID}"):
        open_session(Http(), identity("https://pds.example.com"), tmp_path)


def test_a_session_of_a_host_that_the_account_left_goes_nowhere(tmp_path: Path) -> None:
    save_session(tmp_path, StoredSession(DID, "https://old.example.com", Secret("a"), Secret("b")))
    with pytest.raises(SessionExpired):
        open_session(Http(), identity("https://new.example.com"), tmp_path)
