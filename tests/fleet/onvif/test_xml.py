"""XML from strangers: what is read, what is refused, and that nothing else happens."""

from __future__ import annotations

import contextlib
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haechi.base.errors import PeerError
from haechi.fleet.onvif.xml import MOST_BYTES, MOST_DEPTH, MOST_NODES, Node, escape, inert, parse_xml, written


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
        b"<a>&#0;</a>",
        b"<a>&#xd800;</a>",
        b"<a>&#x110000;</a>",
        b"<a><!-- </a>",
        b"<a><![CDATA[ </a>",
        b"<a></a >x",
        b"x<a/>",
        b"<a b='<'/>",
        b"<1/>",
        b"< a/>",
        b"</a>",
        b"<a",
        b"<a b='1' c",
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
    ("data", "text"),
    [
        (b"\xef\xbb\xbf<?xml version='1.0'?><!-- a > b --><a>x</a>\r\n<!-- end -->", "x"),
        (b"<a>1 &lt; 2 &amp;&#38;&#x26; <![CDATA[<b>&amp;]]></a>", "1 < 2 &&& <b>&amp;"),
        (b"<a>rtsp://h/x?a=1&b=2&</a>", "rtsp://h/x?a=1&b=2&"),
        (b"<a>x<b/>y</a >", "xy"),
        ("<a>한국어</a>".encode("utf-16"), "한국어"),
        (b"<?xml version='1.0' encoding=\"ISO-8859-1\"?><a>caf\xe9</a>", "caf\xe9"),
        (b'<?xml version="1.0" encoding="utf-16"?><a>caf\xc3\xa9</a>', "caf\xe9"),
        (b"<a>caf\xe9</a>", "caf\ufffd"),
        (b"<nobody:a>x</nobody:a>", "x"),
        ("<카메라>x</카메라>".encode(), "x"),
    ],
)
def test_what_cameras_send_is_read_as_it_is_meant(data: bytes, text: str) -> None:
    assert parse_xml(data).text == text


def test_namespaces_hold_within_their_element() -> None:
    root = parse_xml(b'<a xmlns="urn:1"><b xmlns="urn:2" xmlns:c="urn:3" c:k="v"><c:d/></b><e/></a>')
    b, e = root.children
    assert [root.namespace, b.namespace, b.children[0].namespace, e.namespace] == ["urn:1", "urn:2", "urn:3", "urn:1"]
    assert b.attributes == {"k": "v"}


@given(st.binary(max_size=300) | st.text(alphabet="<>/ab&;!\"'= ?[]-:x", max_size=80).map(str.encode))
def test_what_an_old_parser_reads_is_read_alike(data: bytes) -> None:
    """Against expat: nothing that it takes is refused or read otherwise, but document types."""
    try:
        known = ET.fromstring(data)  # noqa: S314 - that is what it is compared with
    except (ET.ParseError, ValueError, LookupError):
        return
    if b"<!DOCTYPE" in data or b"encoding" in data:
        return
    found = parse_xml(data)
    assert found.name == known.tag.rpartition("}")[2]
    assert [child.name for child in found.children] == [child.tag.rpartition("}")[2] for child in known]
    if not len(known):
        assert found.text.split() == (known.text or "").split()


@pytest.mark.parametrize("piece", [b"<a ", b"<a b='", b"&", b"<!--", b"<![CDATA[", b"<?", b"</", b"<a><", b" "])
def test_a_long_document_costs_no_more_than_its_length(piece: bytes) -> None:
    """Half a megabyte of each unfinished thing: a parser that goes over it again and again would take minutes."""
    with contextlib.suppress(PeerError):
        parse_xml(b"<r>" + piece * ((MOST_BYTES - 8) // len(piece)))


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
        b"<a " + b" ".join(b'k%d="v"' % number for number in range(300)) + b"/>",
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


@given(st.text(max_size=40), st.text(max_size=40))
def test_an_element_that_is_written_again_is_the_same_without_its_attributes(text: str, namespace: str) -> None:
    """It may have come from a device, and goes into what we send."""
    inner = Node("SubscriptionId", namespace, {"a": "b"}, text, (Node("Part", "urn:x", {}, "<&>", ()),))
    again = parse_xml(written(inner).encode())
    assert (again.name, again.children[0].name, again.children[0].text) == ("SubscriptionId", "Part", "<&>")
    assert len(again.children) == 1
    if text.isprintable() and namespace.isprintable():
        assert (again.text, again.namespace) == (text.strip(), namespace)
