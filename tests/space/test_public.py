"""The public names of the room: adding one is a decision."""

import space

NAMES = """
LOCAL_FILES BadAddress BadHeadObject Clock ClockReport CorruptBlock Damage Files FolderClock Head
HeadOvertaken LocalFiles NoSpace NotReadable Place PruneBegan Published Space SpaceError SpaceFull SpaceReport
SpaceUnavailable Stage StageClosed Where open_folder open_space parse_where
"""


def test_the_public_names_are_these_and_exist() -> None:
    assert space.__all__ == NAMES.split()
    assert [name for name in NAMES.split() if not hasattr(space, name)] == []
