"""`skypail agent`: a second agent that may add below a prefix, and nothing else; and no longer."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from backup_agent.authority import Authority
from backup_agent.delegations import load_delegation, write_delegation
from backup_agent.home import Home
from clock_service import open_store
from pail import CID, Walk, crdt, parse_cid, run
from pail.crdt import Update
from pail.event import Head
from space import FolderClock, open_folder
from tests.backup_agent.cli.clock_process import ClockProcess, running_clock
from tests.backup_agent.cli.shell import Shell
from tests.faulty_host import FaultyHost
from ucan import view_delegation
from ucan.token import encode_ucan

Attempt = Callable[[Head, str, CID], Walk[Update]]
ELSEWHERE = "did:plc:elsewhere/"
NARROW = ("--can", "clock/advance", "--can", "clock/head", "--ops", "put")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClockProcess]:
    home = tmp_path_factory.mktemp("service")
    with running_clock(home, "--provision", "open", "--guard", "require") as service:
        yield service


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[ClockProcess]:
    """Another, that a test may kill."""
    with running_clock(tmp_path / "mortal", "--provision", "open", "--guard", "require") as service:
        yield service


@pytest.fixture
def owner(online: Shell, host: FaultyHost, service: ClockProcess) -> Shell:
    """Has a snapshot, and uses the service."""
    online("clock", "use", service.url)
    online("backup", host.demo.recording.did)
    return online


@pytest.fixture
def second(owner: Shell, tmp_path: Path) -> Shell:
    """Another machine, with the owner's folder; it uses the service too."""
    return Shell(tmp_path / "second", owner.capsys, owner.monkeypatch, owner.environ)


@pytest.fixture
def folder(owner: Shell, second: Shell, service: ClockProcess) -> Path:
    """The folder that both have."""
    folder = owner.home / "space"
    assert second("clock", "use", service.url, "--space", folder).code == 0
    return folder


def hand_over(owner: Shell, second: Shell, file: Path, *options: str) -> str:
    """Delegate from one to the other by a file; the delegation's CID."""
    to = second("agent", "id").out.strip()
    made = owner("agent", "delegate", "--to", to, "--expires", "30d", "--out", file, *options, "--json")
    assert second("agent", "add", file, "--json").document["cid"] == made.document["cid"]
    return made.document["cid"]


def next_backup(second: Shell, host: FaultyHost, folder: Path) -> tuple[int, dict[str, object], str]:
    host.demo.publish_next_post()
    said = second("backup", host.demo.recording.did, "--space", folder, "--json")
    return said.code, said.document["clocks"][0], said.err


def service_head(shell: Shell, folder: Path) -> list[str]:
    return shell("clock", "head", "--space", folder, "--json").document["clocks"][0]["head"]


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


@pytest.mark.parametrize(
    ("name", "attempt"),
    [
        ("DeleteRefused", lambda head, key, value: crdt.delete(head, key)),
        ("RewriteRefused", lambda head, key, value: crdt.put(head, key, value)),
    ],
)
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


def test_what_was_revoked_is_worth_nothing(
    owner: Shell, second: Shell, host: FaultyHost, folder: Path, tmp_path: Path
) -> None:
    cid = hand_over(owner, second, tmp_path / "d.ucan")
    assert len(service_head(second, folder)) == 1
    said = owner("agent", "revoke", cid)
    assert (said.code, said.err) == (0, "")
    assert [row["kind"] for row in owner("agent", "list", "--json").document["delegations"]] == ["revoked"]
    _, clock, err = next_backup(second, host, folder)
    assert not clock["ok"]
    assert "it was revoked (Unauthorized)" in err
    assert owner("clock", "sync").code == 0  # the owner may, of course


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
    assert "it has expired (Unauthorized)" in err


def test_a_delegation_can_be_passed_on_and_both_ends_can_be_taken_back(
    owner: Shell, second: Shell, folder: Path, tmp_path: Path
) -> None:
    cid = hand_over(owner, second, tmp_path / "one.ucan")
    third = Shell(tmp_path / "third", owner.capsys, owner.monkeypatch, owner.environ)
    to = third("agent", "id").out.strip()
    made = second(
        "agent", "delegate", "--to", to, "--expires", "12h", "--space", folder, "--out", tmp_path / "two.ucan"
    )
    assert made.code == 0, made.err
    third("agent", "add", tmp_path / "two.ucan")
    url = owner("clock", "head", "--json").document["clocks"][0]["url"]
    third("clock", "use", url, "--space", folder)
    assert len(service_head(third, folder)) == 1
    owner("agent", "revoke", cid)
    assert service_head(third, folder) == []


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
    hand_over(owner, second, tmp_path / "d.ucan", *NARROW, "--keys", "did:plc:a/")
    (row,) = second("agent", "list", "--json").document["delegations"]
    assert (row["kind"], row["left"]) in [
        ("held", "29 days"),
        ("held", "30 days"),
    ]  # it may be a second later
    assert row["can"][0] == {"can": "clock/advance", "keys": "did:plc:a/", "ops": ["put"]}
    assert "clock/advance (below did:plc:a/, put only), clock/head" in owner("agent", "list").out
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
    assert "holds no delegation" in said.err


def test_only_what_is_known_is_revoked(kept: Shell) -> None:
    said = kept("agent", "revoke", "../../agent.key")
    assert said.code == 1
    assert "is known here; see `skypail agent list`" in said.err


@pytest.mark.parametrize("verb", ["use", "fork"])
def test_what_was_revoked_is_worth_nothing_to_a_new_service_either(
    owner: Shell, second: Shell, folder: Path, tmp_path: Path, mortal: ClockProcess, verb: str
) -> None:
    cid = hand_over(owner, second, tmp_path / "d.ucan")
    assert owner("agent", "revoke", cid).code == 0
    assert owner("clock", verb, mortal.url).code == 0
    second("clock", "use", mortal.url, "--space", folder)
    rows = second("clock", "head", "--space", folder, "--json").document["clocks"]
    assert "it was revoked (Unauthorized)" in rows[-1]["problem"]


@pytest.mark.parametrize("verb", ["use", "fork"])
def test_a_new_service_that_cannot_be_told_of_revocations_is_not_used(
    owner: Shell, second: Shell, service: ClockProcess, tmp_path: Path, mortal: ClockProcess, verb: str
) -> None:
    cid = hand_over(owner, second, tmp_path / "d.ucan")
    assert owner("agent", "revoke", cid).code == 0
    mortal.kill()
    said = owner("clock", verb, mortal.url, "--did", mortal.did)
    assert (said.code, "cannot be asked" in said.err) == (1, True)
    assert [row["url"] for row in owner("clock", "head", "--json").document["clocks"]] == [service.url]


def test_a_revocation_while_one_service_is_down_is_finished_by_sync(
    owner: Shell, second: Shell, folder: Path, tmp_path: Path, service: ClockProcess, mortal: ClockProcess
) -> None:
    cid = hand_over(owner, second, tmp_path / "d.ucan")
    owner("clock", "use", mortal.url)
    mortal.kill()
    said = owner("agent", "revoke", cid)
    assert (said.code, said.out) == (1, f"Revoked {cid} at {service.url}\n")
    assert f"the clock at {mortal.url} cannot be asked" in said.err
    assert "`skypail clock sync` finishes it" in said.err
    assert [row["kind"] for row in owner("agent", "list", "--json").document["delegations"]] == ["revoked"]
    mortal.start()
    assert owner("clock", "sync").code == 0
    second("clock", "use", mortal.url, "--space", folder)
    rows = second("clock", "head", "--space", folder, "--json").document["clocks"]
    assert ["it was revoked" in row["problem"] for row in rows] == [True, True]


def test_a_fork_without_a_revocation_sends_nothing_and_switches_nothing(
    owner: Shell, second: Shell, folder: Path, tmp_path: Path, service: ClockProcess, mortal: ClockProcess
) -> None:
    hand_over(owner, second, tmp_path / "d.ucan")
    revoked = owner.home / "delegations" / "revoked"
    revoked.mkdir()
    passed_on = ("--to", service.did, "--expires", "12h", "--space", folder, "--out", revoked / "x.ucan")
    assert second("agent", "delegate", *passed_on).code == 0
    said = owner("clock", "fork", mortal.url)
    assert (said.code, "and its key is not here" in said.err) == (1, True)
    assert [row["url"] for row in owner("clock", "head", "--json").document["clocks"]] == [service.url]
    (revoked / "x.ucan").unlink()
    owner("clock", "use", mortal.url)
    assert owner("clock", "head", "--json").document["clocks"][1]["head"] == []


@pytest.fixture
def revoked(owner: Shell, service: ClockProcess) -> str:
    """A delegation that the owner revoked before another service came into use."""
    to = "did:key:z6MkwXG2WjeQnNxSoynSGYU8V9j3QzP3JSqhdmkHc6SaVWoT"
    file = owner.home / "revoked.ucan"
    made = owner("agent", "delegate", "--to", to, "--expires", "30d", "--out", file, "--json")
    assert owner("agent", "revoke", made.document["cid"]).code == 0
    return made.document["cid"]


def knows_revoked(service: ClockProcess, cid: str) -> bool:
    with closing(open_store(f"sqlite:///{service.home}/clock-service/clock.db")) as store:
        return bool(asyncio.run(store.revocations([parse_cid(cid)])))


def test_a_clock_named_for_one_backup_learns_what_is_revoked_first(
    owner: Shell, host: FaultyHost, mortal: ClockProcess, revoked: str
) -> None:
    assert owner("backup", host.demo.recording.did, "--clock", mortal.url).code == 0
    assert knows_revoked(mortal, revoked)


def test_one_that_cannot_be_told_is_not_used_and_the_way_out_is_said(
    owner: Shell, host: FaultyHost, tmp_path: Path, revoked: str
) -> None:
    with running_clock(tmp_path / "operator") as strict:
        said = owner("clock", "use", strict.url)
        assert said.code == 1
        assert "must know first" in said.err
        assert "once it hosts the space, try again" in said.err
        recorded = owner("backup", host.demo.recording.did, "--clock", strict.url)
        assert recorded.code == 3
        used = owner("clock", "use", strict.url, "--without-revocation", revoked)
        assert "does not host the space yet" in used.err
        assert not knows_revoked(strict, revoked)


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
