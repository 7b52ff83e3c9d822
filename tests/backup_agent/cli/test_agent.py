"""`skypail agent`: a second agent that may add below a prefix, and nothing else, and only for a time."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from backup_agent.authority import Authority
from backup_agent.delegations import load_delegation, write_delegation
from backup_agent.home import Home
from pail import CID, Walk, crdt, run
from pail.crdt import Update
from pail.event import Head
from space import FolderClock, open_folder
from tests.backup_agent.cli.clock_heads import service_head
from tests.backup_agent.cli.shell import STRANGER, Shell
from tests.backup_agent.cli.two_agents import NARROW, hand_over, next_backup
from tests.faulty_host import FaultyHost
from ucan import view_delegation
from ucan.token import encode_ucan

Attempt = Callable[[Head, str, CID], Walk[Update]]
ELSEWHERE = "did:plc:" + "e" * 24 + "/"


@pytest.fixture(scope="module")
def guard() -> str:
    return "require"


def test_a_delegated_agent_can_add_below_its_prefix(
    owner: Shell, second: Shell, host: FaultyHost, folder: Path, tmp_path: Path
) -> None:
    hand_over(owner, second, tmp_path / "d.ucan", *NARROW, "--keys", f"{host.demo.recording.did}/")
    code, clock, err = next_backup(second, host, folder)
    assert (code, clock["ok"], err) == (0, True, "")
    own, remote = owner("clock", "head", "--json").document["head"], service_head(owner, folder)
    assert own == remote


def test_and_nowhere_else(
    owner: Shell, second: Shell, host: FaultyHost, folder: Path, tmp_path: Path
) -> None:
    before = service_head(owner, folder)
    hand_over(owner, second, tmp_path / "d.ucan", *NARROW, "--keys", ELSEWHERE)
    code, clock, err = next_backup(second, host, folder)
    assert (code, clock["ok"]) == (0, False)
    assert "(ElsewhereRefused)" in err
    assert service_head(owner, folder) == before


def delete(head: Head, key: str, _: CID) -> Walk[Update]:
    return crdt.delete(head, key)


@pytest.mark.parametrize(("name", "attempt"), [("DeleteRefused", delete), ("RewriteRefused", crdt.put)])
def test_nor_take_anything_away(
    owner: Shell, second: Shell, host: FaultyHost, folder: Path, tmp_path: Path, name: str, attempt: Attempt
) -> None:
    before = service_head(owner, folder)
    hand_over(owner, second, tmp_path / "d.ucan", *NARROW, "--keys", f"{host.demo.recording.did}/")
    home = Home(second.home)
    with open_folder(folder, cache=home.cache) as space:
        clock = FolderClock(space, home.agent())
        head = clock.head()
        ((key, _),) = run(crdt.entries(head), space.get)
        update = run(attempt(head, key, head[0]), space.get)
        assert update.event
        clock.advance(update.event.cid, [update.event, *update.additions])
    said = second("clock", "sync", "--space", folder)
    assert said.code == 3
    assert f"({name})" in said.err
    assert service_head(owner, folder) == before


def test_without_a_delegation_nothing_is_recorded_there(
    owner: Shell, second: Shell, host: FaultyHost, folder: Path
) -> None:
    _, clock, err = next_backup(second, host, folder)
    assert not clock["ok"]
    assert "holds no delegation of clock/" in err
    assert f"`skypail agent delegate --to {second('agent', 'id').out.strip()}`" in err


def test_what_has_expired_is_worth_nothing(
    owner: Shell, second: Shell, host: FaultyHost, folder: Path, tmp_path: Path
) -> None:
    home = Home(owner.home)
    to, now = second("agent", "id").out.strip(), int(time.time())
    space = owner("clock", "head", "--json").document["space"]
    authority = Authority(home, home.agent(), space)
    made = authority.delegate(to, ["clock/advance", "clock/head"], {}, now - 60, now)
    write_delegation(tmp_path / "old.ucan", made)
    second("agent", "add", tmp_path / "old.ucan")
    assert second("agent", "list", "--json").document["delegations"][0]["left"] == "expired"
    _, clock, err = next_backup(second, host, folder)
    assert not clock["ok"]
    assert "it has expired, by the service's clock (Unauthorized)" in err


def test_what_others_hold_is_theirs(owner: Shell, second: Shell, tmp_path: Path) -> None:
    file = tmp_path / "d.ucan"
    to = second("agent", "id").out.strip()
    owner("agent", "delegate", "--to", to, "--expires", "30d", "--out", file)
    said = owner("agent", "add", file)
    assert said.code == 1
    assert f"is for {to}, not for this agent" in said.err
    again = owner("agent", "delegate", "--to", to, "--expires", "30d", "--out", file)
    assert again.code == 1
    assert "name a new file" in again.err


def test_the_list_tells_the_time_left(owner: Shell, second: Shell, tmp_path: Path) -> None:
    hand_over(owner, second, tmp_path / "d.ucan", *NARROW, "--keys", f"{STRANGER}/")
    (row,) = second("agent", "list", "--json").document["delegations"]
    assert (row["kind"], row["left"]) in [
        ("held", "29 days"),
        ("held", "30 days"),
    ]  # it may be a second later
    assert row["can"][0] == {"can": "clock/advance", "keys": f"{STRANGER}/", "ops": ["put"]}
    assert f"clock/advance (below {STRANGER}/, put only), clock/head" in owner("agent", "list").out
    kept = list((second.home / "delegations").rglob("*.ucan"))
    assert [path.stat().st_mode & 0o777 for path in kept] == [0o600]
    assert kept[0].read_bytes() == (tmp_path / "d.ucan").read_bytes()
    assert load_delegation(kept[0]).audience == second("agent", "id").out.strip()


@pytest.mark.parametrize(
    ("given", "meant"),
    [("did:web:example.com", "did:web:example.com/"), ("did:web:example.com/b", "did:web:example.com/b")],
)
def test_an_account_as_prefix_does_not_reach_accounts_that_begin_alike(
    kept: Shell, given: str, meant: str, tmp_path: Path
) -> None:
    to = kept("agent", "id").out.strip()
    made = kept(
        *("agent", "delegate", "--to", to, "--expires", "30d", "--can", "clock/advance", "--json"),
        *("--keys", given, "--out", tmp_path / "d.ucan"),
    )
    assert made.document["can"] == [{"can": "clock/advance", "keys": meant}]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--to", "alice", "--expires", "30d"), "is no agent"),
        (("--expires", "soon"), "is no time; write it like"),
        (("--expires", "2020-01-31"), "is past"),
        (("--expires", "30d", "--can", "everything"), "is no ability"),
        (("--expires", "30d", "--ops", "rewrite"), "is no operation"),
        (("--expires", "30d", "--can", "clock/*", "--keys", "a/"), "narrow clock/advance"),
        (("--expires", "30d", "--keys", "did:plc:yours/"), "'did:plc:yours' is the DID of no account"),
    ],
)
def test_what_cannot_be_delegated(
    kept: Shell, options: tuple[str, ...], sentence: str, tmp_path: Path
) -> None:
    to = () if "--to" in options else ("--to", kept("agent", "id").out.strip())
    said = kept("agent", "delegate", *to, *options, "--out", tmp_path / "d.ucan")
    assert said.code == 1
    assert sentence in said.err
    assert not (tmp_path / "d.ucan").exists()


@pytest.mark.parametrize("content", [b"", b"no delegation", b"\x3a\xa2eroots\x80gversion\x01"])
def test_a_file_that_holds_no_delegation(kept: Shell, content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "bad.ucan"
    file.write_bytes(content)
    said = kept("agent", "add", file)
    assert said.code == 1
    assert said.err.endswith("it must be a whole file that `skypail agent delegate` wrote\n")


def test_the_list_names_the_space_and_may_be_of_one_alone(kept: Shell, tmp_path: Path) -> None:
    to, other = kept("agent", "id").out.strip(), tmp_path / "other"
    kept("space", "create", other)
    for number, where in enumerate([kept.home / "space", other]):
        given = ("--space", where, "--expires", "30d", "--out", tmp_path / f"{number}.ucan")
        assert kept("agent", "delegate", "--to", to, *given).code == 0
    assert len(kept("agent", "list", "--json").document["delegations"]) == 2
    [row] = kept("agent", "list", "--space", other, "--json").document["delegations"]
    assert row["space"] == kept("space", "info", "--space", other, "--json").document["space"]
    assert "SPACE" in kept("agent", "list").out


def test_a_delegation_whose_signature_is_wrong_is_not_kept(
    owner: Shell, second: Shell, tmp_path: Path
) -> None:
    to = second("agent", "id").out.strip()
    file = tmp_path / "d.ucan"
    owner("agent", "delegate", "--to", to, "--expires", "30d", "--out", file)
    real = load_delegation(file)
    ucan = replace(real.ucan, expires_at_unix=None)
    block = encode_ucan(ucan)
    forged = tmp_path / "forged.ucan"
    write_delegation(forged, view_delegation(block.cid, {block.cid: block.data}))
    said = second("agent", "add", forged)
    assert said.code == 1
    assert "no signatures lead from the delegation" in said.err
    assert second("agent", "add", file).code == 0
