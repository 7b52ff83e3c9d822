"""What an operator gets wrong is one of our errors, before anything is made."""

import pytest

from clock_service import open_store
from clock_service.errors import BadOption
from clock_service.serve import Options, serve


@pytest.mark.parametrize("url", ["mysql://host/name", "clock.db", "sqlite:///", ""])
def test_a_database_of_another_kind_is_refused_in_a_sentence(url: str) -> None:
    with pytest.raises(BadOption, match=r"named by sqlite:///PATH or postgresql://HOST/NAME"):
        open_store(url)


@pytest.mark.parametrize("did", ["did:mailto:example.com:me", "did:key:z6Mk", "did:web:", "example.com"])
def test_a_service_goes_by_a_did_web_or_its_key(tmp_path, did: str) -> None:
    with pytest.raises(BadOption, match="did:web"):
        serve(Options(tmp_path / "key", f"sqlite:///{tmp_path}/clock.db", did=did), lambda _: None)
    assert list(tmp_path.iterdir()) == []
