"""`skypail space create`, `list`, `info` and the space's key."""

from pathlib import Path

from backup_agent.phrase import phrase_of
from tests.backup_agent.cli.shell import Shell
from ucan import Signer

SIGNER = Signer.from_seed(bytes(range(32)))
WORDS = phrase_of(SIGNER)


def test_a_new_space_shows_its_words_once(shell: Shell) -> None:
    said = shell("space", "create")
    assert said.code == 0
    [words] = [line for line in said.out.splitlines() if len(line.split()) == 24 and line.islower()]
    exported = shell("space", "key", "export")
    assert (exported.code, exported.out) == (0, f"{words}\n")
    assert words not in shell("space", "info").out + shell("space", "list").out


def test_the_words_are_in_no_document_that_did_not_ask_for_them(shell: Shell) -> None:
    made = shell("space", "create", "--json")
    assert set(made.document) == {"space", "place"}
    exported = shell("space", "key", "export", "--json").document
    assert exported["space"] == made.document["space"]
    assert len(exported["phrase"].split()) == 24


def test_a_space_is_made_only_where_none_is(shell: Shell, tmp_path: Path) -> None:
    assert shell("space", "create", tmp_path / "there").code == 0
    again = shell("space", "create", tmp_path / "there")
    assert again.code == 1
    assert "there is a space in" in again.err
    assert len(shell("space", "list", "--json").document["spaces"]) == 1


def test_a_key_goes_to_another_machine_by_its_words(shell: Shell, tmp_path: Path) -> None:
    did = shell("space", "create", "--json").document["space"]
    words = shell("space", "key", "export").out
    shell.home = tmp_path / "other-home"
    took = shell("space", "key", "import", "--json", stdin=words.upper())
    assert (took.code, took.document) == (0, {"space": did, "new": True})
    assert shell("space", "list").out == f"{did}\n"
    [file] = (tmp_path / "other-home/spaces").iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    assert shell("space", "key", "import", "--json", stdin=words).document["new"] is False


def test_words_that_are_none_are_refused_and_nothing_is_kept(shell: Shell) -> None:
    for words in ("", "abandon", WORDS.replace(WORDS.split()[3], "zzzz"), " ".join(reversed(WORDS.split()))):
        said = shell("space", "key", "import", stdin=words)
        assert said.code == 1
        assert "not the phrase of a space's key" in said.err
        assert not words or words not in said.err
    assert shell("space", "list").out.startswith("No key of a space is here")


def test_a_key_that_is_not_here_is_said_so(shell: Shell, tmp_path: Path) -> None:
    shell("space", "create", tmp_path / "there")
    shell.home = tmp_path / "other-home"
    said = shell("space", "key", "export", "--space", tmp_path / "there")
    assert said.code == 1
    assert "space key import" in said.err


def test_what_a_space_is(kept: Shell) -> None:
    document = kept("space", "info", "--json").document
    assert (document["keyHere"], list(document["accounts"].values())) == (True, [2])
    assert len(document["agents"]) == 1
    assert document["bytes"] > 2_000_000
    said = kept("space", "info").out
    assert document["space"] in said
    assert "no policy yet" in said


def test_words_on_the_command_line_are_refused_and_not_repeated(shell: Shell) -> None:
    said = shell("space", "key", "import", *["zoo"] * 24)
    assert said.code == 2
    assert "standard input" in said.err
    assert "zoo" not in said.err + said.out
