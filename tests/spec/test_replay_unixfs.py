"""The unixfs vectors, and that the replay finds a wrong one."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from spec.replay.unixfs import outcomes

FOLDER = Path(__file__).parent.parent.parent / "spec" / "vectors"
FILES = {"js/unixfs.public.json": 11, "unixfs-narrow/width3.json": 25}
DOCUMENTS = {name: json.loads((FOLDER / name).read_text()) for name in FILES}
PUBLIC = "js/unixfs.public.json"


@pytest.mark.parametrize("name", FILES)
def test_every_case_passes(name: str) -> None:
    found = list(outcomes(DOCUMENTS[name]))
    assert len(found) == FILES[name]
    assert [outcome for outcome in found if outcome[1]] == []


def failures(change: tuple[Any, ...], value: object) -> list[str]:
    document = copy.deepcopy(DOCUMENTS[PUBLIC])
    place: Any = document
    for key in change[:-1]:
        place = place[key]
    assert place[change[-1]] != value
    place[change[-1]] = value
    return [case for case, failure in outcomes(document) if failure]


CHANGES = [
    (("files", 1, "root"), "x", "file-1"),
    (("files", 5, "blocks", 2, "size"), 0, "file-1048577"),
    (("files", 5, "blocks"), [], "file-1048577"),
    (("files", 5, "non_leaf_bytes", 0, "bytes"), "AAAA", "file-1048577"),
    (("files", 2, "car", 0, "roots"), [], "file-1000"),
    (("files", 2, "index", "bytes"), "AAAA", "file-1000"),
    (("small_car", "cid"), "x", "small-car"),
    (("directories", 0, "blocks", 3, "bytes"), "AAAA", "directory-0"),
    (("two_shards", "shards", 0, "blocks", 1, "offset"), 1, "two-shards"),
    (("files", 3), {}, "file-None"),
    (("content",), "random", "settings"),
    (("two_shards", "shard_size"), 4_000_000, "two-shards"),
]


@pytest.mark.parametrize(("change", "value", "case"), CHANGES)
def test_a_wrong_vector_fails_and_is_named(change: tuple[Any, ...], value: object, case: str) -> None:
    assert failures(change, value) == [case]
