"""Every command on a space in a bucket, against moto's server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backup_agent.cli.shell import Shell
from tests.faulty_host import FaultyHost
from tests.space.bucket_server import BucketServer, environ
from tests.space.faulty_proxy import run_faulty_proxy


@pytest.fixture(scope="session")
def bucket_server() -> Iterator[BucketServer]:
    server = BucketServer()
    yield server
    server.stop()


@pytest.fixture
def url(online: Shell, bucket_server: BucketServer) -> str:
    """A place in a bucket where nothing is; the machine knows how to get there."""
    online.environ |= environ(bucket_server.url)
    return f"s3://{bucket_server.new_bucket()}/my/space"


def test_the_whole_life_of_a_backup_in_a_bucket(online: Shell, host: FaultyHost, url: str) -> None:
    did = host.demo.recording.did
    first = online("backup", did, "--space", url)
    assert (first.code, first.err) == (0, "")
    assert f"new in {url}" in first.out
    host.demo.publish_next_post()
    second = online("backup", did, "--space", url, "--json").document
    assert (second["recorded"], second["whole"]) == (True, True)
    again = online("backup", did, "--space", url)
    assert "Nothing has changed" in again.out
    listed = online("snapshots", "--space", url, "--json").document["snapshots"]
    assert len(listed) == 2
    for command in (
        ["show", "latest"],
        ["verify", "--all"],
        ["diff", listed[0]["timestamp"], listed[1]["timestamp"]],
        ["get", "latest", "app.bsky.actor.profile/self"],
        ["records", "latest"],
        ["check"],
        ["check", "--quick"],
        ["repair"],
        ["clock", "head"],
        ["restore", "latest", "--to", str(online.home / "restored")],
    ):
        said = online(*command, "--space", url)
        assert (said.code, said.err) == (0, ""), (command, said)
    assert (online.home / "restored/repo.car").stat().st_size > 100_000


def test_another_machine_finds_it_all(online: Shell, host: FaultyHost, url: str, tmp_path: Path) -> None:
    did = host.demo.recording.did
    assert online("backup", did, "--space", url).code == 0
    online.home = tmp_path / "other"
    assert online("verify", "--space", url).code == 0
    host.demo.publish_next_post()
    said = online("backup", did, "--space", url, "--json").document
    assert (said["recorded"], said["whole"]) == (True, True)
    assert said["writtenBytes"] < 50_000
    assert len(online("snapshots", "--space", url, "--json").document["snapshots"]) == 2


def test_an_unchanged_account_takes_the_same_few_requests_each_time(
    online: Shell, host: FaultyHost, bucket_server: BucketServer, url: str
) -> None:
    did = host.demo.recording.did
    asked: list[int] = []
    with run_faulty_proxy(bucket_server.url) as proxy:
        online.environ |= environ(proxy.url)
        for _ in range(2):
            assert online("backup", did, "--space", url, "--json").document["recorded"]
            for _ in range(2):  # the first has yet to fetch what the second has at hand
                proxy.clear()
                assert not online("backup", did, "--space", url, "--json").document["recorded"]
            asked.append(len(proxy.asked))
            host.demo.publish_next_post()
    assert len(set(asked)) == 1
    assert asked[0] <= 6, proxy.asked


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("s3://bucket/../other", "cannot be part of a prefix"),
        ("s3://bucket//x", "cannot be part of a prefix"),
        ("s3://bucket/a\nb", "cannot be part of a prefix"),
        ("s3:///x", "a bucket's name"),
        ("s3://key:secret@bucket/x", "write s3://BUCKET"),
        ("s3://bucket/x?versionId=1", "cannot be part of a prefix"),
        ("ftp://host/x", "at s3://, gs://"),
        ("file://host/x", "file:///PATH"),
    ],
)
def test_a_place_that_is_none_is_wrong_usage(shell: Shell, text: str, why: str) -> None:
    said = shell("snapshots", "--space", text)
    assert said.code == 2
    assert why in said.err
    assert "secret" not in said.err
    assert not shell.home.exists()


def test_a_folder_may_be_named_by_its_url(online: Shell, host: FaultyHost, tmp_path: Path) -> None:
    folder = tmp_path / "a folder"
    assert online("backup", host.demo.recording.did, "--space", folder.as_uri()).code == 0
    assert online("snapshots", "--space", folder).code == 0


def test_a_bucket_that_is_not_there_is_named(online: Shell, host: FaultyHost, url: str) -> None:
    said = online("backup", host.demo.recording.did, "--space", "s3://nobody-made-me/x")
    assert said.code == 1
    assert "there is no bucket for s3://nobody-made-me/x; make it, or name another" in said.err


def test_where_there_is_no_space_it_is_said(online: Shell, url: str) -> None:
    said = online("snapshots", "--space", url)
    assert said.code == 1
    assert f"there is no space in {url}; `skypail backup ACCOUNT` makes one" in said.err


def test_plain_http_is_for_this_machine_and_on_demand(online: Shell, url: str) -> None:
    online.environ |= {"AWS_ENDPOINT_URL": "http://192.0.2.1:9000"}
    said = online("snapshots", "--space", url)
    assert (said.code, "an endpoint is HTTPS" in said.err) == (1, True)
    online.environ |= {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "SKYPAIL_ALLOW_PRIVATE_HOSTS": "0"}
    said = online("snapshots", "--space", url)
    assert (said.code, "SKYPAIL_ALLOW_PRIVATE_HOSTS" in said.err) == (1, True)
