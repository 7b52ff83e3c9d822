"""The house: imports run downwards only, and the lower rooms touch nothing outside."""

import ast
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
