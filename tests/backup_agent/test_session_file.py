"""Sessions on disk: 0600, whole or not at all, one refresh at a time."""

import asyncio
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from backup_agent import session_file
from backup_agent.secret import Secret
from backup_agent.session_errors import SessionUnusable
from backup_agent.session_file import StoredSession, load_session, locked_session, save_session

SESSION = StoredSession(
    "did:web:a.example.com", "https://pds.example.com", Secret("hunter2"), Secret("hunter3")
)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    save_session(tmp_path / "sessions", SESSION)
    assert load_session(tmp_path / "sessions", SESSION.did) == SESSION


def test_nothing_saved_is_none(tmp_path: Path) -> None:
    assert load_session(tmp_path / "sessions", SESSION.did) is None


def test_only_the_owner_may_read(tmp_path: Path) -> None:
    folder = tmp_path / "sessions"
    save_session(folder, SESSION)
    assert mode(folder) == 0o700
    assert [mode(path) for path in folder.iterdir()] == [0o600]


def test_saving_again_replaces_and_leaves_nothing_behind(tmp_path: Path) -> None:
    save_session(tmp_path, SESSION)
    newer = replace(SESSION, access=Secret("newer"))
    save_session(tmp_path, newer)
    assert load_session(tmp_path, SESSION.did) == newer
    assert len(list(tmp_path.iterdir())) == 1


def test_a_save_that_fails_leaves_the_old_session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_session(tmp_path, SESSION)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(session_file.os, "fsync", full)
    with pytest.raises(SessionUnusable):
        save_session(tmp_path, replace(SESSION, access=Secret("newer")))
    assert load_session(tmp_path, SESSION.did) == SESSION
    assert len(list(tmp_path.iterdir())) == 1


def test_accounts_do_not_share_a_file(tmp_path: Path) -> None:
    for did in ("did:web:a:b", "did:web:a_b", "did:web:a%3Ab", "did:web:.."):
        save_session(tmp_path, replace(SESSION, did=did))
        loaded = load_session(tmp_path, did)
        assert loaded is not None
        assert loaded.did == did
    assert len(list(tmp_path.iterdir())) == 4


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"[" * 50_000,
        b'{"did": 1, "pds": 2, "access": 3, "refresh": 4}',
        bytes(70_000),
    ],
)
def test_a_damaged_file_is_named_not_quoted(tmp_path: Path, content: bytes) -> None:
    save_session(tmp_path, SESSION)
    (path,) = tmp_path.iterdir()
    path.write_bytes(content)
    with pytest.raises(SessionUnusable, match=path.name.replace("%", "%")):
        load_session(tmp_path, SESSION.did)


def test_a_file_of_another_account_is_refused(tmp_path: Path) -> None:
    save_session(tmp_path, SESSION)
    (path,) = tmp_path.iterdir()
    path.write_bytes(session_file.encode_session(replace(SESSION, did="did:web:b.example.com")))
    with pytest.raises(SessionUnusable):
        load_session(tmp_path, SESSION.did)


def test_no_secret_shows() -> None:
    assert "hunter" not in repr(SESSION)


def test_the_lock_is_held_by_one(tmp_path: Path) -> None:
    inside: list[int] = []
    most: list[int] = []

    async def enter(n: int) -> None:
        async with locked_session(tmp_path, SESSION.did):
            inside.append(n)
            await asyncio.sleep(0)
            most.append(len(inside))
            inside.remove(n)

    async def main() -> None:
        await asyncio.gather(*(enter(n) for n in range(4)))

    asyncio.run(main())
    assert most == [1, 1, 1, 1]


def test_a_lock_that_is_not_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_file, "LOCK_TIMEOUT_S", 0.1)

    async def main() -> None:
        async with locked_session(tmp_path, SESSION.did), locked_session(tmp_path, SESSION.did):
            raise AssertionError

    with pytest.raises(SessionUnusable):
        asyncio.run(main())
