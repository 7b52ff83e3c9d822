"""The house: imports run downwards only, and the lower rooms touch nothing outside."""

import ast
import os
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = ["pail", "ucan", "space", "clock_service", "provider", "backup_agent"]
IMPURE = {
    "asyncio",
    "os",
    "socket",
    "time",
    "random",
    "pathlib",
    "threading",
    "subprocess",
    "sqlite3",
    "httpx",
}


def imports_of(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names.add((node.module or "").split(".")[0])
    return names


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_rooms_below_it(room: str) -> None:
    above = set(ROOMS[ROOMS.index(room) + 1 :])
    for path in (ROOT / room).rglob("*.py"):
        assert not imports_of(path) & above, path


def test_pail_does_no_io() -> None:
    for path in (ROOT / "pail").rglob("*.py"):
        assert not imports_of(path) & IMPURE, path


def test_no_room_imports_tests_or_bench() -> None:
    for room in ROOMS:
        for path in (ROOT / room).rglob("*.py"):
            assert not imports_of(path) & {"tests", "bench"}, path


@pytest.mark.parametrize("source", [*ROOT.glob("[!.]*/**/_*.c")], ids=lambda path: path.name)
def test_what_is_in_c_is_compiled_and_has_a_stub(source: Path) -> None:
    assert source.with_suffix(".pyi").exists()
    if find_spec(".".join(source.relative_to(ROOT).with_suffix("").parts)) is None:
        assert not os.environ.get("CI"), f"{source} is not compiled"
        pytest.skip(f"NOT COMPILED: {source}")
