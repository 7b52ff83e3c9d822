"""The owner's session and private data at the command line: T5, and who can open what was sealed."""

import json
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from backup_agent.catalogue import find, read_snapshot
from backup_agent.home import Home
from backup_agent.sealing import agent_recipient
from pail import run
from space import FolderClock, open_folder
from tests.backup_agent.cli.shell import Shell
from tests.faults import refused
from tests.faulty_host import CREATE_SESSION, GET_PREFERENCES, FaultyHost

AGE = shutil.which("age") or shutil.which("rage")
needs_age = pytest.mark.skipif(AGE is None, reason="NOT TESTED: the age tool is missing (apt install age)")


def log_in(shell: Shell, host: FaultyHost, *arguments: str) -> None:
    said = shell("login", host.demo.recording.did, *arguments, stdin=host.demo.recording.password + "\n")
    assert (said.code, said.err) == (0, "")


def sealed_preferences(shell: Shell) -> bytes:
    """The age file of the latest snapshot, as it lies in the space."""
    with open_folder(shell.home / "space", cache=shell.home / "cache") as space:
        head = FolderClock(space, Home.open(shell.home).agent()).head()
        backup = run(read_snapshot(run(find(head, "latest"), space.get).cid), space.get).backup
        assert backup.preferences
        return space.get([backup.preferences])[0]


def test_logging_in_brings_the_preferences(online: Shell, host: FaultyHost) -> None:
    did = host.demo.recording.did
    log_in(online, host)
    assert online("backup", did, "--json").document["snapshot"]["preferences"]
    online("restore", "latest", "--to", online.home / "out")
    assert (online.home / "out/preferences.json").read_bytes() == host.demo.recording.preferences


def test_a_login_as_one_document(online: Shell, host: FaultyHost) -> None:
    recording = host.demo.recording
    said = online("login", recording.did, "--json", stdin=recording.password)
    assert said.document | {"handle": None} == {
        "account": recording.did,
        "handle": None,
        "host": host.url,
        "recipients": [],
    }


def test_a_refused_login_keeps_nothing(online: Shell, host: FaultyHost) -> None:
    said = online("login", host.demo.recording.did, "--json", stdin="n0t-the-passw0rd\n")
    assert said.code == 1
    assert said.document["error"]["type"] == "LoginFailed"
    assert "n0t-the-passw0rd" not in said.out + said.err
    assert not any((online.home / "sessions").iterdir())


@pytest.mark.parametrize("stdin", ["", "\n"])
def test_no_password_at_all(online: Shell, host: FaultyHost, stdin: str) -> None:
    said = online("login", host.demo.recording.did, stdin=stdin)
    assert (said.code, said.out, said.err.count("\n")) == (1, "", 1)
    assert "no app password was given, so the host was not asked" in said.err
    assert host.requests[CREATE_SESSION] == 0


def test_a_bad_recipient_is_refused_before_the_password(online: Shell, host: FaultyHost) -> None:
    said = online("login", host.demo.recording.did, "--recipient", "my-key", stdin="secret\n")
    assert said.code == 1
    assert "'my-key' is no recipient of age" in said.err
    assert host.requests[CREATE_SESSION] == 0


def test_the_password_is_kept_nowhere(online: Shell, host: FaultyHost) -> None:
    recording = host.demo.recording
    said = online.process("login", recording.did, stdin=recording.password + "\n")
    again = online.process("backup", recording.did)
    assert (said.code, again.code) == (0, 0)
    assert recording.password not in said.out + said.err + again.out + again.err
    assert [name for name, content in online.files.items() if recording.password.encode() in content] == []


def test_only_the_owner_reads_the_secrets(online: Shell, host: FaultyHost) -> None:
    log_in(online, host)
    online("backup", host.demo.recording.did)
    secrets = [path for room in ("sessions", "spaces") for path in (online.home / room).glob("*.[jk]*")]
    secrets.append(online.home / "agent.key")
    assert len(secrets) == 3
    for path in secrets:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_tokens_are_in_the_session_alone(online: Shell, host: FaultyHost) -> None:
    log_in(online, host)
    online("backup", host.demo.recording.did)
    session = next((online.home / "sessions").glob("*.json"))
    tokens = [json.loads(session.read_bytes())[name].encode() for name in ("access", "refresh")]
    for name, content in online.files.items():
        assert name.startswith("sessions/") or not any(token in content for token in tokens), name


def test_a_session_without_the_right_is_exit_code_3(online: Shell, host: FaultyHost) -> None:
    log_in(online, host)
    host.fault(GET_PREFERENCES, refused("Forbidden", "not with this app password", code=403))
    said = online("backup", host.demo.recording.did)
    assert said.code == 3
    assert "not included: preferences: " in said.out
    assert "not with this app password" in said.out


def test_logging_out_keeps_the_preferences_there_are(online: Shell, host: FaultyHost) -> None:
    did = host.demo.recording.did
    log_in(online, host)
    before = online("backup", did, "--json").document["snapshot"]["preferences"]
    assert online("logout", did, "--json").document == {"account": did, "forgotten": True}
    host.demo.publish_next_post()
    said = online("backup", did, "--json")
    assert (said.code, said.document["snapshot"]["preferences"]) == (0, before)
    assert "nobody is logged in" in said.document["snapshot"]["certificate"]["excluded"]["preferences"]
    shown = online("show", "latest").out
    assert "preferences are those of an earlier snapshot: nobody is logged in" in shown
    assert "not included" not in shown


def test_recipients_stay_until_new_ones_are_given(online: Shell, host: FaultyHost) -> None:
    files = Home.open(online.home).account(host.demo.recording.did)
    old, new = (agent_recipient(seed * 32) for seed in (b"1", b"2"))
    log_in(online, host, "--recipient", old)
    log_in(online, host)
    assert files.recipients() == [old]
    log_in(online, host, "--recipient", new)
    assert files.recipients() == [new]


def test_the_key_is_shown_and_stays_the_same(shell: Shell) -> None:
    document = shell("key", "--json").document
    assert document["agent"].startswith("did:key:z6Mk")
    assert document["recipient"].startswith("ssh-ed25519 ")
    assert document == shell("key", "--json").document
    assert document["agent"] in shell("key").out


def test_the_private_key_goes_to_a_new_file_of_its_owner(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "key"
    assert shell("key", "--out", file).code == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    written = file.read_bytes()
    said = shell("key", "--out", file)
    assert (said.code, said.out) == (1, "")
    assert "File exists" in said.err
    assert file.read_bytes() == written
    assert "PRIVATE" not in said.err


@needs_age
def test_the_stock_age_tool_opens_what_was_sealed(online: Shell, host: FaultyHost, tmp_path: Path) -> None:
    log_in(online, host)
    online("backup", host.demo.recording.did)
    online("key", "--out", tmp_path / "key")
    assert AGE
    opened = subprocess.run(
        [AGE, "--decrypt", "-i", tmp_path / "key"], input=sealed_preferences(online), capture_output=True
    )
    assert (opened.returncode, opened.stderr) == (0, b"")
    assert opened.stdout == host.demo.recording.preferences


@needs_age
def test_a_further_recipient_opens_it_with_age_keygen(
    online: Shell, host: FaultyHost, tmp_path: Path
) -> None:
    assert AGE
    subprocess.run([f"{AGE}-keygen", "-o", tmp_path / "own"], check=True, capture_output=True)
    public = subprocess.run(
        [f"{AGE}-keygen", "-y", tmp_path / "own"], check=True, capture_output=True, text=True
    ).stdout.strip()
    log_in(online, host, "--recipient", public)
    online("backup", host.demo.recording.did)
    opened = subprocess.run(
        [AGE, "--decrypt", "-i", tmp_path / "own"], input=sealed_preferences(online), capture_output=True
    )
    assert opened.stdout == host.demo.recording.preferences


def test_another_agent_restores_the_age_file(online: Shell, host: FaultyHost, tmp_path: Path) -> None:
    log_in(online, host)
    online("backup", host.demo.recording.did)
    other = Shell(tmp_path / "other-home", online.capsys, online.monkeypatch)
    said = other("restore", "latest", "--space", online.home / "space", "--to", tmp_path / "out", "--json")
    assert (said.code, said.document["preferences"]) == (0, "preferences.age")
    assert (tmp_path / "out/preferences.age").read_bytes() == sealed_preferences(online)
    assert "skypail key" in (tmp_path / "out/README.txt").read_text()
    again = other("restore", "latest", "--space", online.home / "space", "--to", tmp_path / "words")
    assert "preferences stay sealed: this machine's key does not open them" in again.out
