"""A peer that cannot be installed is never passed over in silence; what is installed is what is locked."""

import json
from pathlib import Path

import pytest

from tests.peers.npm import InstallFailed, NpmMissing, install, npm_project

ROOT = Path(__file__).parent.parent.parent
LOCKS = [path for top in ("tests", "bench") for path in sorted((ROOT / top).rglob("package-lock.json"))]


@pytest.fixture
def no_npm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")


@pytest.mark.usefixtures("no_npm")
def test_without_npm_a_test_is_skipped_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="PEERS NOT TESTED"):
        npm_project(ROOT / "tests/peers/pds")


@pytest.mark.usefixtures("no_npm")
def test_without_npm_a_test_fails_under_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="PEERS NOT TESTED"):
        npm_project(ROOT / "tests/peers/pds")


@pytest.mark.usefixtures("no_npm")
def test_install_names_what_is_missing() -> None:
    with pytest.raises(NpmMissing):
        install(ROOT / "tests/peers/pds")


def test_an_install_that_fails_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    npm = tmp_path / "npm"
    npm.write_text("#!/bin/sh\necho no such luck; exit 1\n")
    npm.chmod(0o700)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with pytest.raises(InstallFailed, match="no such luck"):
        install(ROOT / "tests/peers/pds")
    assert [path.suffix for path in (tmp_path / "cache/skypail-peers").iterdir()] == [".lock"]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.parent.name)
def test_a_lock_pins_every_package_by_hash_and_names_no_registry(lock: Path) -> None:
    packages = {name: entry for name, entry in json.loads(lock.read_text())["packages"].items() if name}
    assert packages
    assert all(entry["integrity"].startswith("sha512-") for entry in packages.values())
    assert not any("resolved" in entry for entry in packages.values())


def test_there_are_locks_to_check() -> None:
    assert LOCKS
