"""A Merkle search tree from a dict, by the definition and nothing else.

Kept apart from backup_agent on purpose: it is what the walks there are tested and measured
against. It recurses and holds everything; its input is ours.
"""

from __future__ import annotations

import hashlib

from pail import CID, DAG_CBOR, Value, cid_of, encode_dag_cbor


def layer(key: str) -> int:
    """Pairs of leading zero bits of the key's SHA-256."""
    bits = f"{int(hashlib.sha256(key.encode()).hexdigest(), 16):0256b}"
    return bits.index("1") // 2


def build_tree(records: dict[str, CID], blocks: dict[CID, bytes]) -> CID:
    """The root of the tree of `records`; its nodes are added to `blocks`, each before what is in it."""
    keyed = [(key, layer(key)) for key in sorted(records)]
    top = max((on for _, on in keyed), default=0)
    root = _build(keyed, top, records, blocks)
    return root or put_node(None, [], blocks)


def _build(
    keyed: list[tuple[str, int]], level: int, records: dict[str, CID], blocks: dict[CID, bytes]
) -> CID | None:
    if not keyed:
        return None
    gaps: list[list[tuple[str, int]]] = [[]]
    own: list[str] = []
    for key, on in keyed:
        if on == level:
            own.append(key)
            gaps.append([])
        else:
            gaps[-1].append((key, on))
    links = [_build(gap, level - 1, records, blocks) for gap in gaps]
    entries = [(key, records[key], link) for key, link in zip(own, links[1:], strict=True)]
    return put_node(links[0], entries, blocks)


def put_node(left: CID | None, entries: list[tuple[str, CID, CID | None]], blocks: dict[CID, bytes]) -> CID:
    """The CID of the node with these (key, record, subtree), right or wrong, added to `blocks`."""
    listed: list[Value] = []
    before = ""
    for key, record, below in entries:
        shared = _shared(before, key)
        listed.append({"k": key[shared:].encode(), "p": shared, "t": below, "v": record})
        before = key
    return put_value({"e": listed, "l": left}, blocks)


def put_value(value: Value, blocks: dict[CID, bytes]) -> CID:
    """The CID of `value` as a block, added to `blocks`."""
    data = encode_dag_cbor(value)
    cid = cid_of(DAG_CBOR, data)
    blocks[cid] = data
    return cid


def _shared(left: str, right: str) -> int:
    count = 0
    while count < min(len(left), len(right)) and left[count] == right[count]:
        count += 1
    return count
