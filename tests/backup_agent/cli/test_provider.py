"""`skypail provider …`: what an operator says and sees."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import httpx
import pytest

from backup_agent.cli.database_named import NamedDatabase
from tests.backup_agent.cli.shell import COMMAND, Shell

SPACE = "did:key:z6MkoBPjMzBFn7dGjDRqhNEsXjdVjGVsFbXyYVUQ2nnzEvXX"


def test_an_operator_adds_limits_lists_and_removes_spaces(shell: Shell) -> None:
    assert shell("provider", "space", "list").out.startswith("No space is hosted")
    added = shell("provider", "space", "add", SPACE, "--bytes", "5000", "--json")
    assert (added.code, added.document["bytes"], added.document["hosted"]) == (0, 5000, True)
    assert shell("provider", "space", "limit", SPACE, "--bytes", "9000000").out.endswith(
        "0 B of 9.0 MB in 0 blobs; added by the operator\n"
    )
    (listed,) = shell("provider", "space", "list", "--json").document["spaces"]
    assert listed == shell("provider", "space", "info", SPACE, "--json").document
    assert (listed["usedBytes"], listed["bytes"], listed["account"]) == (0, 9000000, None)
    assert SPACE in shell("provider", "space", "list").out
    assert shell("provider", "space", "remove", SPACE).code == 0
    assert shell("provider", "space", "remove", SPACE).code == 1
    assert "does not host any more" in shell("provider", "space", "info", SPACE).out
    assert shell("provider", "space", "add", SPACE, "--json").document["hosted"] is True


def test_hosting_says_in_which_database_and_whether_a_service_ever_used_it(shell: Shell) -> None:
    for service in ("clock", "provider"):
        first, again = (shell(service, "space", "add", SPACE) for _ in range(2))
        path = next((shell.home).rglob(f"{service}.db"))
        assert f" in {path}\n" in first.out
        assert f"{path} is a new database that no service has used yet" in first.err
        assert f"must be those of `skypail {service} serve`" in first.err
        assert (again.out, again.err) == (first.out, "")
        assert shell(service, "space", "add", SPACE, "--json").document["database"] == str(path)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://me:se?cr@host:5432/name?password=secret", "postgresql://host:5432/name"),
        ("postgres://me@/name", "postgres:///name"),
        ("postgresql://host?user=me", "postgresql://host"),
        ("postgresql:///name?host=/run/x&password=a@b", "postgresql:///name"),
    ],
)
def test_a_database_is_shown_without_credentials(url: str, shown: str) -> None:
    assert NamedDatabase.before_opening(url) == (shown, False)


def test_what_is_no_space_or_unknown_is_said_so(shell: Shell) -> None:
    for did in ("alice", "did:web:example.com", "did:key:z6Mk"):
        assert shell("provider", "space", "add", did).code == 1
    said = shell("provider", "space", "info", SPACE)
    assert (said.code, "has never hosted" in said.err) == (1, True)
    assert shell("provider", "space", "limit", SPACE, "--bytes", "-1").code == 2


def test_a_provider_that_cannot_be_run_so_says_why(shell: Shell) -> None:
    said = shell("provider", "serve", "--port", "0", "--store", "ftp://x")
    assert said.code == 1
    assert "s3://" in said.err
    said = shell("provider", "serve", "--port", "0", "--did", "did:plc:x")
    assert (said.code, "did:web" in said.err) == (1, True)


def test_a_provider_as_its_operator_starts_it(tmp_path: Path) -> None:
    environ = dict(os.environ) | {"SKYPAIL_HOME": str(tmp_path)}
    command = [COMMAND, "provider", "serve", "--port", "0", "--json"]
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        try:
            started = json.loads(process.stdout.readline())
            health = httpx.get(f"{started['url']}/health").json()
            assert health == {"status": "ok", "did": started["did"]}
        finally:
            process.terminate()
        assert process.wait(20) == 0
    key = tmp_path / "provider" / "provider.key"
    assert key.stat().st_mode & 0o077 == 0
