"""Strict fields: of their type, and nothing else there."""

import pytest

from pail import DecodeError, parse_cid
from pail.fields import Fields

CID = parse_cid("bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku")
VALUE = {"text": "a", "number": 0, "link": CID, "bytes": b"b", "flag": True, "texts": {"a": "b"}}


def test_takes_what_is_there() -> None:
    fields = Fields("thing", VALUE)
    assert (fields.take("text", str), fields.count("number"), fields.take("link", CID.__class__)) == (
        "a",
        0,
        CID,
    )
    assert (fields.take("bytes", bytes), fields.take("flag", bool)) == (b"b", True)
    assert (fields.take_texts("texts", 1), fields.take_optional("more", str)) == ({"a": "b"}, None)
    fields.done()


@pytest.mark.parametrize(
    ("name", "kind"), [("none", str), ("text", bytes), ("link", bytes), ("flag", int), ("number", str)]
)
def test_refuses_another_type(name: str, kind: type) -> None:
    with pytest.raises(DecodeError, match=f"thing.*{name}"):
        Fields("thing", VALUE).take(name, kind)


def test_an_optional_field_of_another_type_is_refused() -> None:
    with pytest.raises(DecodeError):
        Fields("thing", VALUE).take_optional("text", int)


def test_refuses_too_many_texts_or_others() -> None:
    for value in {"a": "b", "c": "d"}, {"a": 1}:
        with pytest.raises(DecodeError):
            Fields("thing", {"texts": value}).take_texts("texts", 1)


def test_refuses_a_negative_count() -> None:
    with pytest.raises(DecodeError):
        Fields("thing", {"n": -1}).count("n")


def test_refuses_what_nobody_asked_for_and_what_is_no_map() -> None:
    with pytest.raises(DecodeError, match="'text'"):
        Fields("thing", {"text": 1}).done()
    with pytest.raises(DecodeError):
        Fields("thing", [])


def test_leaves_the_value_as_it_was() -> None:
    Fields("thing", VALUE).take("text", str)
    assert "text" in VALUE
