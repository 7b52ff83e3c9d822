"""What a host serves to an account's owner alone: it is deactivated, or taken down."""

import pytest

from backup_agent.errors import HostError, TokenRefused
from backup_agent.secret import Secret
from backup_agent.source import LatestCommit, Source
from pail import encode_block
from pail.car import encode_car
from tests.backup_agent.net.host import Answerer, Asked, reply, told
from tests.backup_agent.source_host import COMMIT, DID, HEAD, REV, latest, refused, visit, whole


class Owner:
    """An Auth whose tokens are numbered."""

    def __init__(self) -> None:
        self.number = 1

    async def token(self, *, refused: Secret | None = None) -> Secret:
        if refused == Secret(f"token-{self.number}"):
            self.number += 1
        return Secret(f"token-{self.number}")


def owner_only(asked: Asked) -> bytes:
    """A deactivated account: the owner's second token reads, the first has expired."""
    match asked.headers.get("authorization"):
        case None:
            return refused("RepoDeactivated")
        case "Bearer token-1":
            return refused("ExpiredToken", "Token has expired")
        case _:
            return told(HEAD)


def test_a_deactivated_account_is_read_with_its_owners_token() -> None:
    async def twice(source: Source) -> LatestCommit:
        await whole(source.repo(DID))
        return await source.latest_commit(DID)

    commit, host = visit(owner_only, twice, auth=Owner())
    assert commit == (COMMIT, REV)
    tokens = [asked.headers.get("authorization", "").removeprefix("Bearer ") for asked in host.asked]
    assert tokens == ["", "token-1", "token-2", "token-2"]


def test_a_public_account_is_read_without_a_token() -> None:
    _, host = visit(lambda _: told(HEAD), latest, auth=Owner())
    assert "authorization" not in host.asked[0].headers


def test_a_token_that_the_host_never_takes_is_refreshed_once() -> None:
    def never(asked: Asked) -> bytes:
        return refused("ExpiredToken" if "authorization" in asked.headers else "RepoTakendown")

    with pytest.raises(TokenRefused) as error:
        visit(never, latest, auth=Owner())
    assert "token-" not in str(error.value)


def taken_down(car: bytes) -> Answerer:
    """As the reference PDS: the owner's token reads the repository, and not getLatestCommit."""

    def answer(asked: Asked) -> bytes:
        if "authorization" not in asked.headers:
            return refused("RepoTakendown")
        return (
            reply(200, car) if asked.path.endswith("getRepo") else refused("InvalidToken", "Bad token scope")
        )

    return answer


HEAD_BLOCK = encode_block(
    {"did": DID, "version": 3, "data": COMMIT, "rev": REV, "prev": None, "sig": bytes(64)}
)
OTHER_BLOCK = encode_block({"x": 1})


def test_the_latest_commit_of_an_account_taken_down_is_read_from_its_repository() -> None:
    car = encode_car([HEAD_BLOCK.cid], [OTHER_BLOCK, HEAD_BLOCK])
    commit, _ = visit(taken_down(car), latest, auth=Owner())
    assert commit == (HEAD_BLOCK.cid, REV)


@pytest.mark.parametrize(
    "car",
    [
        b"",
        b"<html>",
        encode_car([], [HEAD_BLOCK]),
        encode_car([HEAD_BLOCK.cid], [OTHER_BLOCK]),
        encode_car([OTHER_BLOCK.cid], [OTHER_BLOCK]),
        encode_car([HEAD_BLOCK.cid], [HEAD_BLOCK])[:-1] + b"!",
    ],
)
def test_a_repository_that_does_not_begin_with_a_commit(car: bytes) -> None:
    with pytest.raises(HostError, match="does not begin with a commit"):
        visit(taken_down(car), latest, auth=Owner())


def test_a_commit_is_not_looked_for_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backup_agent.car_head.MAX_SCANNED_BYTES", 100)
    car = encode_car([HEAD_BLOCK.cid], [*[OTHER_BLOCK] * 10_000, HEAD_BLOCK])
    with pytest.raises(HostError, match="does not begin with a commit"):
        visit(taken_down(car), latest, auth=Owner())
