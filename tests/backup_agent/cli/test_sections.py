"""Groups of commands that are loaded when they are called."""

from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest

from backup_agent.cli.sections import SECTIONS, load_section


@pytest.mark.parametrize("name", SECTIONS)
def test_a_section_has_the_help_that_its_module_gives_it(name: str) -> None:
    module, line = SECTIONS[name]
    assert import_module(module).app.info.help == line == load_section(name).help
    assert load_section(name).commands


@pytest.mark.parametrize("name", SECTIONS)
def test_a_number_is_called_by_what_it_counts(name: str) -> None:
    limited = [each for each in options(load_section(name)) if getattr(each, "min", None) is not None]
    assert {each.metavar for each in limited} <= {"N", "BYTES", "PERCENT"}


def options(command: Any) -> Iterator[Any]:
    yield from command.params
    for each in getattr(command, "commands", {}).values():
        yield from options(each)
