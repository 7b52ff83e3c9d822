"""Where a bucket is, and with which credentials it is asked."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from obstore.store import S3Store

from space import BadAddress, SpaceUnavailable, parse_where
from space.bucket.address import Address, parse_address
from space.bucket.store import open_store

GOOD = {
    "s3://bucket/a/prefix": Address("s3", "bucket", "a/prefix"),
    "s3://bucket/a/": Address("s3", "bucket", "a"),
    "s3://bucket": Address("s3", "bucket", ""),
    "gs://my_bucket/x": Address("gs", "my_bucket", "x"),
    "az://container/x.y": Address("az", "container", "x.y"),
}

BAD = [
    *(
        "s3://",
        "s3:///x",
        "s3://b",
        "s3://-bucket/x",
        "s3://bu..cket/x",
        "s3://user@bucket/x",
        "S3://bucket/x",
    ),
    *("s3://bucket//", "s3://bucket/a//b", "s3://bucket/.", "s3://bucket/..", "s3://bucket/a/../b"),
    *("s3://bucket/a b", "s3://bucket/a\0b", "s3://bucket/a\n", "s3://bucket/%2e%2e", "s3://bucket/a\\b"),
    *("s3://bucket/a?b", "s3://bucket/a#b", "s3://bucket/" + "x" * 513, "s3://bücket/x", "http://bucket/x"),
]


@pytest.mark.parametrize("text", GOOD)
def test_an_address_is_read(text: str) -> None:
    assert parse_address(text) == GOOD[text]
    assert parse_address(str(GOOD[text])) == GOOD[text]


@pytest.mark.parametrize("text", BAD)
def test_what_is_none_is_refused(text: str) -> None:
    with pytest.raises(BadAddress):
        parse_address(text)


@given(st.text(max_size=60), st.sampled_from(["", "s3://", "s3://bucket/", "file://", "file:///"]))
def test_any_text_is_an_address_or_refused(text: str, start: str) -> None:
    try:
        where = parse_where(start + text)
    except BadAddress:
        return
    if isinstance(where, str) and start.startswith("s3"):
        assert ".." not in where.split("/")
        assert where.isprintable()


def test_a_profile_gives_keys_and_endpoint(tmp_path: Path) -> None:
    (tmp_path / "credentials").write_text("[mine]\naws_access_key_id = AK\naws_secret_access_key = SK\n")
    (tmp_path / "config").write_text(
        "[profile mine]\nregion = eu-west-1\nendpoint_url = https://s3.example\n"
    )
    environ = {
        "AWS_PROFILE": "mine",
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
    }
    store = open_store(Address("s3", "bucket", "p"), environ)
    assert store.prefix == "p"
    config = dict(getattr(store, "config"))  # noqa: B009 - of S3Store alone
    assert (config["access_key_id"], config["region"], config["endpoint"]) == (
        "AK",
        "eu-west-1",
        "https://s3.example",
    )
    with pytest.raises(SpaceUnavailable, match="the AWS profile 'other' has no keys"):
        open_store(Address("s3", "bucket", "p"), environ | {"AWS_PROFILE": "other"})


@pytest.mark.parametrize(
    "endpoint", ["http://s3.example", "ftp://x", "https://", "https://u:pw@host", "x", "http://["]
)
def test_an_endpoint_that_must_not_be_asked_is_refused(endpoint: str) -> None:
    for allow_private in (False, True):
        with pytest.raises(BadAddress) as caught:
            open_store(
                Address("s3", "bucket", ""), {"AWS_ENDPOINT_URL": endpoint}, allow_private=allow_private
            )
        assert "pw" not in str(caught.value)


def test_google_and_azure_are_opened_without_a_request() -> None:
    from obstore.store import AzureStore, GCSStore

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "me")
        patch.setenv("GOOGLE_SKIP_SIGNATURE", "true")
        assert isinstance(open_store(Address("az", "container", "p"), {}), AzureStore)
        assert isinstance(open_store(Address("gs", "bucket", "p"), {}), GCSStore)


@pytest.mark.parametrize(("said", "skips"), [("true", True), ("1", True), ("false", False), ("0", False)])
def test_what_says_not_to_skip_the_signature_skips_nothing(said: str, skips: bool) -> None:
    environ = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_SKIP_SIGNATURE": said}
    store = open_store(Address("s3", "bucket", ""), environ)
    assert isinstance(store, S3Store)
    assert bool(store.config.get("skip_signature")) is skips
