"""XML from strangers: what is read, what is refused, and that nothing else happens."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haechi.base.errors import PeerError
from haechi.fleet.onvif.xml import MOST_BYTES, MOST_DEPTH, MOST_NODES, Node, escape, inert, parse_xml


def test_elements_are_found_by_local_names_whatever_their_prefixes() -> None:
    root = parse_xml(b'<a:x xmlns:a="urn:1" xmlns:b="urn:2"><b:y b:k="v"> one </b:y><a:y>two</a:y></a:x>')
    assert (root.name, root.namespace) == ("x", "urn:1")
    assert [node.text for node in root.all("y")] == ["one", "two"]
    assert root.children[0].attributes == {"k": "v"}
    assert root.text_at("y") == "one"
    assert root.text_at("z", "y") == ""
    assert root.find() is root


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not xml",
        b"<a>",
        b"<a></b>",
        b"<a/><b/>",
        b"<a>\x00</a>",
        b"<a>\xff\xfe</a>",
        b'<?xml version="1.0" encoding="klingon"?><a/>',
        b"<a b=1/>",
        b'<a b="1" b="2"/>',
        b"<a>&unknown;</a>",
    ],
)
def test_what_is_no_xml_is_refused(data: bytes) -> None:
    with pytest.raises(PeerError) as caught:
        parse_xml(data)
    assert caught.value.code == "bad-xml"


@pytest.mark.parametrize(
    "data",
    [
        b"<!DOCTYPE a><a/>",
        b'<!DOCTYPE a SYSTEM "http://192.0.2.1/x.dtd"><a/>',
        b'<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]><a>&e;</a>',
        b'<!DOCTYPE a [<!ENTITY b "' + b"x" * 1000 + b'">]><a>' + b"&b;" * 10_000 + b"</a>",
        b'<!DOCTYPE a [<!ENTITY % p SYSTEM "http://192.0.2.1/p">%p;]><a/>',
    ],
)
def test_a_document_type_is_refused_before_anything_of_it_is_read(data: bytes) -> None:
    with pytest.raises(PeerError, match="document type"):
        parse_xml(data)


@pytest.mark.parametrize(
    "data",
    [
        b"<a>" * (MOST_DEPTH + 1) + b"</a>" * (MOST_DEPTH + 1),
        b"<a>" + b"<b/>" * MOST_NODES + b"</a>",
        b"<a " + b" ".join(b'k%d="v"' % number for number in range(40)) + b"/>",
        b"<a>" + b"x" * MOST_BYTES + b"</a>",
    ],
)
def test_what_is_larger_than_any_real_answer_is_refused(data: bytes) -> None:
    with pytest.raises(PeerError):
        parse_xml(data)


@given(st.text())
def test_any_text_can_be_put_into_xml_and_no_markup_comes_of_it(text: str) -> None:
    root = parse_xml(f'<a k="{escape(text)}">{escape(text)}</a>'.encode())
    assert root.children == ()
    assert set(root.attributes) == {"k"}


@given(st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=0xD7FF), min_size=1))
def test_printable_text_comes_back_as_it_was(text: str) -> None:
    kept = "".join(char for char in text if char not in "\x7f\x85\u2028")
    assert parse_xml(f"<a>{escape(kept)}</a>".encode()).text == kept.strip()


@given(st.binary(max_size=400) | st.text(alphabet="<>/abc&;!\"'= ?[]-", max_size=200).map(str.encode))
def test_noise_is_read_or_refused_and_nothing_else_is_raised(data: bytes) -> None:
    with contextlib.suppress(PeerError):
        assert isinstance(parse_xml(data), Node)


@given(st.text(max_size=500), st.integers(1, 80))
def test_what_a_device_says_of_itself_becomes_one_short_printable_line(text: str, most: int) -> None:
    found = inert(text, most)
    assert found.isprintable()
    assert len(found) <= most
    assert found == found.strip()


def test_direction_and_control_characters_are_taken_out() -> None:
    assert inert("Cam\u202eera\x00\n\x1b[31m 1") == "Cam era [31m 1"
