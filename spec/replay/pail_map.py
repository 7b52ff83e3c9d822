"""Replays vectors of class `pail`: the map and its shards."""

from __future__ import annotations

from pail import InvalidKey, MissingBlock, PailError, Walk, parse_cid, run
from pail.cid import CID
from pail.map import Diff, batch, delete, diff, empty, entries, get, merge, put, shards
from spec.replay.report import Report, Vectors, expect, expect_error
from spec.replay.store import Pairs, Store, bytes_of, cids_of, pairs_of


def replay(vectors: Vectors, report: Report) -> None:
    """Every section that the file has."""
    if "empty_root" in vectors:
        with report.case("empty"):
            expect("root", str(empty().root), vectors["empty_root"])
            expect("block", empty().additions[0].data, bytes_of(vectors["empty_block"]))
    for section, check in _SECTIONS.items():
        for index, vector in enumerate(vectors.get(section, [])):
            with report.case(f"{section}/{vector.get('id', index)}"):
                check(vector)
    for vector in vectors.get("entries", []):
        _check_queries(vector, report)


def _walk(root: CID, op: Vectors) -> Walk[Diff]:
    match op["op"]:
        case "put":
            return put(root, op["key"], parse_cid(op["value"]))
        case "del":
            return delete(root, op["key"])
        case "batch":
            return batch(root, pairs_of(op["entries"]))
        case other:
            raise ValueError(f"unknown operation: {other}")


def _play(store: Store, root: CID, ops: Vectors) -> CID:
    for index, op in enumerate(ops):
        what = f"{op['op']} {index}"
        if "error" in op:
            with expect_error(what, PailError):
                store.write(_walk(root, op))
            continue
        done = store.write(_walk(root, op))
        root = done.root
        if "root" in op:
            expect(f"root after {what}", str(root), op["root"])
        if "additions" in op:
            expect(f"additions of {what}", {cid for cid, _ in done.additions}, cids_of(op["additions"]))
        if "removals" in op:
            expect(f"removals of {what}", set(done.removals), cids_of(op["removals"]))
    return root


def _list(store: Store, root: CID) -> Pairs:
    return run(entries(root), store.read)


def _build(store: Store, pairs: Pairs) -> CID:
    return store.write(batch(empty().root, pairs)).root


def _check_put_del(vector: Vectors) -> None:
    store = Store()
    root = _play(store, empty().root, vector["ops"])
    expect("last root", str(root), vector["root"])
    listed = pairs_of(vector["entries"])
    expect("entries", _list(store, root), listed)
    for key, value in listed:
        expect(f"value of {key!r}", run(get(root, key), store.read), value)
    tree = {cid: store.blocks[cid] for cid in run(shards(root), store.read)}
    if "blocks" in vector:
        expect("blocks", tree, {parse_cid(cid): bytes_of(text) for cid, text in vector["blocks"].items()})


def _check_order(vector: Vectors) -> None:
    pairs = pairs_of(vector["entries"])
    half = len(pairs) // 2
    for order in (pairs, pairs[::-1], sorted(pairs), pairs[half:] + pairs[:half]):
        store, root = Store(), empty().root
        for key, value in order:
            root = store.write(put(root, key, value)).root
        expect("root of puts", str(root), vector["root"])
        expect("root of a batch", str(_build(Store(), order)), vector["root"])


def _check_error(vector: Vectors) -> None:
    root = parse_cid(vector["root"]) if "root" in vector else empty().root
    error = MissingBlock if vector["error"].startswith("missing block") else InvalidKey
    value = parse_cid(vector["value"]) if "value" in vector else empty().root
    walks = {
        "put": lambda: put(root, vector["key"], value),
        "del": lambda: delete(root, vector["key"]),
        "get": lambda: get(root, vector["key"]),
        "entries": lambda: entries(root),
    }
    with expect_error(vector["op"], error):
        run(walks[vector["op"]](), Store().read)


def _check_queries(vector: Vectors, report: Report) -> None:
    store, pairs = Store(), pairs_of(vector["map"])
    root = _build(store, pairs)
    with report.case(f"entries/{vector['id']}/root"):
        expect("root", str(root), vector["root"])
    for query in vector["queries"]:
        with report.case(f"entries/{vector['id']}/{query['query']}"):
            bounds = dict(query["query"])
            is_reverse = bounds.pop("order", "asc") == "desc"
            listed = run(entries(root, **bounds, reverse=is_reverse), store.read)
            expect("entries", listed, [(key, dict(pairs)[key]) for key in query["keys"]])


def _check_diff(vector: Vectors) -> None:
    store = Store()
    a, b = _build(store, pairs_of(vector["a"])), _build(store, pairs_of(vector["b"]))
    expect("root of a", str(a), vector["a_root"])
    expect("root of b", str(b), vector["b_root"])
    found = run(diff(a, b), store.read)
    changes = [[key, [value and str(value) for value in values]] for key, *values in found.keys]
    expect("keys", changes, vector["keys"])
    if not vector.get("js_wrong"):
        expect("additions", set(found.additions), cids_of(vector["shards"]["additions"]))
        expect("removals", set(found.removals), cids_of(vector["shards"]["removals"]))


def _check_merge(vector: Vectors) -> None:
    store = Store()
    base = _play(store, empty().root, vector["base"])
    a, b = (_play(store, base, vector[ops]) for ops in ("a_ops", "b_ops"))
    for name, root in (("base", base), ("a", a), ("b", b)):
        expect(f"root of {name}", str(root), vector[f"{name}_root"])
    merged = store.write(merge(base, [a, b])).root
    expect("entries", _list(store, merged), sorted(pairs_of(vector["entries"])))
    expect("root", str(merged), vector["root"])
    if vector.get("js_root") is not None:
        expect("root", str(merged), vector["js_root"])


def _check_bug(vector: Vectors) -> None:
    store = Store()
    root = _play(store, empty().root, vector["ops"])
    expect("entries", _list(store, root), sorted(pairs_of(vector["correct_entries"])))


_SECTIONS = {
    "put_del": _check_put_del,
    "order_independence": _check_order,
    "errors": _check_error,
    "diffs": _check_diff,
    "merges": _check_merge,
    "js_bugs": _check_bug,
}
