"""The command line before anything was backed up: one clear sentence each, and no trace."""

from pathlib import Path

import pytest

from tests.backup_agent.cli.shell import Shell

DID = "did:plc:" + "b" * 24

NEED_A_SPACE = [
    ["snapshots"],
    ["show", "latest"],
    ["verify"],
    ["verify", "--all"],
    ["restore", "latest", "--to", "restored"],
    ["diff", "latest", "latest"],
    ["get", "latest", "app.bsky.actor.profile/self"],
    ["check"],
    ["check", "--quick"],
    ["repair"],
]

WRONG_USAGE = [
    ["nonsense"],
    ["backup"],
    ["backup", "alice.example.com", "bob.example.com"],
    ["backup", "--nonsense", "alice.example.com"],
    ["login"],
    ["show"],
    ["restore", "latest"],
    ["restore", "--to", "restored"],
    ["diff", "latest"],
    ["get", "latest"],
    ["verify", "latest", "--all"],
    ["check", "--space", ""],
    ["restore", "latest", "--to", ""],
    ["check", "--space"],
]


@pytest.mark.parametrize("command", NEED_A_SPACE, ids=" ".join)
def test_one_sentence_that_says_what_to_do(shell: Shell, command: list[str]) -> None:
    said = shell(*command)
    assert (said.code, said.out, said.err.count("\n")) == (1, "", 1)
    assert f"there is no space in {shell.home}/space; `skypail backup ACCOUNT`" in said.err


@pytest.mark.parametrize("command", NEED_A_SPACE, ids=" ".join)
def test_looking_leaves_no_trace(shell: Shell, command: list[str]) -> None:
    shell(*command)
    assert not shell.home.exists()
    assert not Path("restored").exists()


@pytest.mark.parametrize("command", NEED_A_SPACE, ids=" ".join)
def test_an_error_is_one_document_too(shell: Shell, command: list[str]) -> None:
    said = shell(*command, "--json")
    assert said.code == 1
    assert said.document["error"]["type"] == "NoSpace"
    assert said.document["error"]["message"] in said.err


@pytest.mark.parametrize("command", WRONG_USAGE, ids=" ".join)
def test_wrong_usage(shell: Shell, command: list[str]) -> None:
    said = shell(*command)
    assert (said.code, said.out, said.err.count("\n")) == (2, "", 1)
    assert "--help`)" in said.err
    assert not shell.home.exists()


@pytest.mark.parametrize("command", WRONG_USAGE[:-1], ids=" ".join)
def test_wrong_usage_is_one_document_too(shell: Shell, command: list[str]) -> None:
    said = shell(*command, "--json")
    assert said.code == 2
    assert said.document["error"]["message"] in said.err


def test_no_command_at_all_gets_the_help(shell: Shell) -> None:
    said = shell()
    assert said.code == 2
    assert said.out == shell("--help").out
    assert said.err == ""


def test_help_names_every_command_in_full(shell: Shell) -> None:
    said = shell("--help")
    names = [
        "backup",
        "login",
        "logout",
        "snapshots",
        "show",
        "verify",
        "restore",
        "diff",
        "get",
        "records",
        "check",
        "repair",
        "prune",
        "key",
        "demo",
        "agent",
        "clock",
        "provider",
        "schedule",
        "serve",
        "space",
    ]
    assert said.code == 0
    assert [line.split()[0] for line in said.out.split("Commands:\n")[1].splitlines()] == names
    assert "..." not in said.out.split("Commands:")[1]


@pytest.mark.parametrize("account", ["", "alice", "al ice.example.com", "did:plc:short", "did:key:z6Mk"])
def test_what_is_no_account_makes_no_space(shell: Shell, account: str) -> None:
    said = shell("backup", account)
    assert (said.code, said.out) == (1, "")
    assert "is neither a handle nor a DID" in said.err
    assert not shell.home.exists()


def test_logging_out_of_what_was_never_logged_in(shell: Shell) -> None:
    assert shell("logout", DID) == (0, f"There was no session of {DID}\n", "")
    assert shell("logout", DID, "--json").document == {"account": DID, "forgotten": False}
    assert not shell.home.exists()


def test_a_dead_directory_is_named(shell: Shell) -> None:
    shell.environ = {"SKYPAIL_PLC_URL": "http://127.0.0.1:9", "SKYPAIL_ALLOW_PRIVATE_HOSTS": ""}
    for command in (["backup", DID], ["login", DID], ["backup", DID, "--json"]):
        said = shell(*command)
        assert said.code == 1
        assert "refused to connect to '127.0.0.1'" in said.err
        assert "set SKYPAIL_ALLOW_PRIVATE_HOSTS=1" in said.err
    assert said.document["error"]["type"] == "HostRefused"


@pytest.mark.parametrize("url", ["plc.directory", "ftp://plc.directory", "http://localhost:port", "https://"])
def test_a_directory_that_is_no_url_names_the_variable(shell: Shell, url: str) -> None:
    shell.environ = {"SKYPAIL_PLC_URL": url}
    said = shell("backup", DID)
    assert (said.code, said.out) == (1, "")
    assert f"the variable SKYPAIL_PLC_URL is {url!r}; write it like https://plc.directory" in said.err


def test_a_clock_without_a_scheme_is_said_so_and_makes_no_space(shell: Shell) -> None:
    shell.environ = {"SKYPAIL_ALLOW_PRIVATE_HOSTS": "1"}
    said = shell("clock", "use", "localhost:8740")
    assert (said.code, "begin with https://, or with http://" in said.err) == (1, True)
    assert not shell.home.exists()


def test_a_space_that_is_a_file(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("mine")
    for command in (["snapshots"], ["check"], ["verify", "--all"], ["backup", DID]):
        said = shell(*command, "--space", file)
        assert (said.code, said.out, said.err.count("\n")) == (1, "", 1)
        assert str(file) in said.err
    assert file.read_text() == "mine"


@pytest.mark.parametrize("folder", ["/proc/skypail", "/dev/null/space"])
def test_a_space_that_cannot_be_made(shell: Shell, folder: str) -> None:
    said = shell("backup", DID, "--space", folder)
    assert (said.code, said.out) == (1, "")
    assert f"no space can be made in {folder}: " in said.err


def test_a_space_on_a_disk_that_is_not_mounted(shell: Shell, tmp_path: Path) -> None:
    said = shell("backup", DID, "--space", tmp_path / "usb/space")
    assert (said.code, said.out) == (1, "")
    assert f"{tmp_path}/usb is not there; is the disk mounted?" in said.err
    assert list(tmp_path.iterdir()) == []


def test_a_home_that_is_a_file(shell: Shell) -> None:
    shell.home.write_text("mine")
    for command in (["snapshots"], ["backup", DID], ["key"], ["login", DID]):
        said = shell(*command)
        assert (said.code, said.out, said.err.count("\n")) == (1, "", 1)
        assert str(shell.home) in said.err
    assert shell.home.read_text() == "mine"
