"""AWS profiles without keys of their own: boto3 signs in for them where it is installed."""

import sys
from pathlib import Path

import obstore
import pytest
from obstore.store import S3Store

from space import SpaceUnavailable
from space.bucket.address import parse_address
from space.bucket.store import open_store
from tests.space.bucket_server import BucketServer

KEYS = "aws_access_key_id = mine\naws_secret_access_key = mine\n"
ROLE = "role_arn = arn:aws:iam::123456789012:role/backup\nsource_profile = own\nregion = us-east-1\n"


@pytest.fixture(autouse=True)
def _profiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "config").write_text(f"[profile role]\n{ROLE}[profile none]\nregion = us-east-1\n")
    (tmp_path / "keys").write_text(f"[own]\n{KEYS}")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "keys"))


def opened(profile: str, url: str, folder: Path, bucket: str = "bucket") -> S3Store:
    files = {"AWS_CONFIG_FILE": f"{folder}/config", "AWS_SHARED_CREDENTIALS_FILE": f"{folder}/keys"}
    environ = {"AWS_PROFILE": profile, "AWS_ENDPOINT_URL": url, **files}
    store = open_store(parse_address(f"s3://{bucket}/a"), environ, allow_private=True)
    assert isinstance(store, S3Store)
    return store


def test_a_role_is_taken_on(
    tmp_path: Path, bucket_server: BucketServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", bucket_server.url)
    store = opened("role", bucket_server.url, tmp_path, bucket_server.new_bucket())
    assert store.credential_provider is not None
    assert store.credential_provider()["token"]  # only what was assumed has one
    obstore.put(store, "x", b"hello")
    assert bytes(obstore.get(store, "x").bytes()) == b"hello"


def test_who_gets_none_is_told_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SpaceUnavailable, match=r"'none' has no keys of its own, .* sign in"):
        opened("none", "http://127.0.0.1:9", tmp_path)


def test_without_boto3_it_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(SpaceUnavailable, match=r"install skypail\[aws\]"):
        opened("role", "http://127.0.0.1:9", tmp_path)
