"""Groups of commands that are loaded when they are called."""

from importlib import import_module

import pytest

from backup_agent.cli.sections import SECTIONS, load_section


@pytest.mark.parametrize("name", SECTIONS)
def test_a_section_has_the_help_that_its_module_gives_it(name: str) -> None:
    module, line = SECTIONS[name]
    assert import_module(module).app.info.help == line == load_section(name).help
    assert load_section(name).commands
