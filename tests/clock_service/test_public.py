"""The public names of the room: adding one is a decision."""

import clock_service

NAMES = """
Caveats ClockService ClockServiceError Guard Known Limits Policy Provision Refused Registration Revocation
Store StoreUnavailable open_store
"""


def test_the_public_names_are_these_and_exist() -> None:
    assert clock_service.__all__ == NAMES.split()
    assert [name for name in NAMES.split() if not hasattr(clock_service, name)] == []
