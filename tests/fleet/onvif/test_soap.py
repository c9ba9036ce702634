"""SOAP: the token's digest against the published example, faults of both kinds, addresses that devices tell."""

from __future__ import annotations

import base64
import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haechi.base.clock import NS_PER_S
from haechi.base.errors import Denied, HaechiError, Invalid, PeerError
from haechi.fleet.onvif.events import parse_events
from haechi.fleet.onvif.media import parse_profiles
from haechi.fleet.onvif.place import Place, stream_uri
from haechi.fleet.onvif.session import device_time_ns
from haechi.fleet.onvif.soap import envelope, parse_answer, password_digest, security_header, xml_time
from haechi.fleet.onvif.topics import MOST_TOPICS, parse_topics
from haechi.fleet.onvif.xml import Node, parse_xml
from haechi.media.rtsp.auth import Credentials

TAGS = [
    "Envelope", "Header", "Body", "Fault", "Code", "Value", "Reason", "Text", "Profiles", "Name", "Encoding",
    "VideoEncoderConfiguration", "Resolution", "Width", "Height", "RateControl", "FrameRateLimit", "UTCDateTime",
    "Date", "SystemDateAndTime", "Time", "Year", "Month", "Day", "Hour", "Minute", "Second", "NotificationMessage",
    "Message", "Topic", "Source", "Data", "SimpleItem", "Key", "TopicSet", "Configurations", "VideoEncoder", "PTZ",
    "CurrentTime",
]  # fmt: skip
TEXTS = st.sampled_from(["", "0", "-1", "7", "2026", "1e999", "nan", "true", "ter:NotAuthorized", "a/b:c"]) | st.text(
    max_size=6
)


def _node(children: st.SearchStrategy[Node] | None) -> st.SearchStrategy[Node]:
    names = st.sampled_from(["token", "Name", "Value", "UtcTime", "PropertyOperation", "topic"])
    return st.builds(
        Node,
        name=st.sampled_from(TAGS),
        namespace=st.just(""),
        attributes=st.dictionaries(names, TEXTS, max_size=3),
        text=TEXTS,
        children=st.just(()) if children is None else st.lists(children, max_size=5).map(tuple),
    )


def _subcode(text: str) -> str:
    return f"<s:Code><s:Value>s:Sender</s:Value><s:Subcode><s:Value>{text}</s:Value></s:Subcode></s:Code>"


NODES = st.recursive(_node(None), _node, max_leaves=25)


def test_the_digest_is_that_of_the_programmers_guide() -> None:
    """ONVIF application programmer's guide 1.0, section 6.1.1.3."""
    nonce = base64.b64decode("LKqI6G/AikKCQrN0zqZFlg==")
    assert password_digest(nonce, "2010-09-16T07:50:45Z", "userpassword") == "tuOSpGlFlIXsozq4HFNeeGeFLEI="


def test_a_token_carries_the_time_that_it_is_given_and_not_the_password() -> None:
    header = security_header(Credentials("a<b", "canary-password"), b"n" * 16, 1_284_623_445 * NS_PER_S)
    token = parse_answer(envelope("<tds:X/>", header)).header
    assert token is not None
    assert token.text_at("Security", "UsernameToken", "Username") == "a<b"
    assert token.text_at("Security", "UsernameToken", "Created") == "2010-09-16T07:50:45.000Z"
    assert "canary" not in header


@given(st.integers(-(10**20), 10**20))
def test_any_time_can_be_written(at_ns: int) -> None:
    assert xml_time(at_ns).endswith("Z")


@pytest.mark.parametrize(
    ("fault", "kind", "code"),
    [
        (_subcode("ter:NotAuthorized"), Denied, "onvif-unauthorized"),
        (_subcode("wsse:FailedAuthentication"), Denied, "onvif-unauthorized"),
        (_subcode("ter:ActionNotSupported"), PeerError, "onvif-unsupported"),
        (_subcode("ter:LensCap"), PeerError, "onvif-fault"),
        ("<faultcode>Client</faultcode><faultstring>Sender not Authorized</faultstring>", Denied, "onvif-unauthorized"),
        ("", PeerError, "onvif-fault"),
    ],
)  # fmt: skip
def test_a_fault_says_whether_it_is_about_the_user_or_the_thing(fault: str, kind: type[HaechiError], code: str) -> None:
    with pytest.raises(kind) as caught:
        parse_answer(envelope(f"<s:Fault>{fault}</s:Fault>"))
    assert caught.value.code == code


@pytest.mark.parametrize("data", [b"<html/>", b"<Envelope/>", b"<Envelope><Body/></Envelope>"])
def test_xml_that_is_no_soap_is_refused(data: bytes) -> None:
    with pytest.raises(PeerError) as caught:
        parse_answer(data)
    assert caught.value.code == "bad-soap"


@given(NODES)
def test_any_tree_gives_values_within_their_bounds_or_nothing(node: Node) -> None:
    for profile in parse_profiles(node):
        assert 0 < len(profile.token) <= 64
        assert profile.name.isprintable()
        assert 0 <= profile.width_px <= 16_384
        assert 0 <= profile.fps <= 1000
    for event in parse_events(node, 0, 5):
        assert event.topic.isprintable()
        assert all(name.isprintable() and value.isprintable() for name, value in event.source + event.data)
    told = device_time_ns(node)
    assert told is None or isinstance(told, int)
    topics = parse_topics(node)
    assert len(topics) <= MOST_TOPICS
    assert all(one.isprintable() and len(one) <= 200 for one in topics)


def test_a_date_that_is_none_is_not_known() -> None:
    def told(year: str) -> int | None:
        return device_time_ns(
            parse_xml(
                "<x><SystemDateAndTime><UTCDateTime><Time><Hour>1</Hour><Minute>2</Minute><Second>3</Second></Time>"
                f"<Date><Year>{year}</Year><Month>2</Month><Day>29</Day></Date></UTCDateTime></SystemDateAndTime></x>".encode()
            )
        )

    assert told("2024") == 1_709_168_523 * NS_PER_S
    assert told("2023") is None
    assert told("0") is None
    assert told("٢٠٢٤") is None


@pytest.mark.parametrize(
    ("typed", "url"),
    [
        ("192.0.2.20", "http://192.0.2.20:80/onvif/device_service"),
        ("192.0.2.20:8080", "http://192.0.2.20:8080/onvif/device_service"),
        ("https://cam.example/x?y=1", "https://cam.example:443/x?y=1"),
        ("2001:db8::7", "http://[2001:db8::7]:80/onvif/device_service"),
        ("http://[2001:db8::7]:81/", "http://[2001:db8::7]:81/onvif/device_service"),
    ],
)
def test_a_place_is_what_a_person_types(typed: str, url: str) -> None:
    assert Place.parse(typed).url == url


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "ftp://x",
        "http://u:p@x/",
        "http://x:99999/",
        "http://",
        "a b",
        "http://x/\r\nHost: y",
        "http://[::1",
        "x" * 2000,
    ],
)
def test_what_is_no_address_is_refused(typed: str) -> None:
    with pytest.raises(Invalid) as caught:
        Place.parse(typed)
    assert caught.value.code == "bad-onvif-url"


@given(st.text(max_size=60) | st.text(alphabet="htps:/[]@.?#%0123456789ab", max_size=40))
def test_any_text_is_a_place_or_refused(text: str) -> None:
    try:
        place = Place.parse(text)
    except Invalid:
        return
    assert Place.parse(place.url) == place


@given(st.text(max_size=40) | st.from_regex(r"(https?|rtsp)://[a-z0-9@:.\[\]]{0,20}(/[a-z?=]{0,9})?", fullmatch=True))
def test_whatever_a_device_tells_we_stay_at_the_host_that_we_reached(told: str) -> None:
    with contextlib.suppress(Invalid):
        assert Place("192.0.2.20").told(told).host == "192.0.2.20"
    try:
        uri = stream_uri(told, "192.0.2.20")
    except Invalid:
        return
    assert uri.startswith(("rtsp://192.0.2.20", "rtsps://192.0.2.20"))
    assert "@" not in uri.split("/")[2]


@pytest.mark.parametrize(
    ("told", "uri"),
    [
        ("rtsp://10.0.0.9:554/ch1", "rtsp://192.0.2.20:554/ch1"),
        ("rtsp://admin:secret@10.0.0.9/ch1?x=1", "rtsp://192.0.2.20/ch1?x=1"),
        ("rtsp://:8554/ch1", "rtsp://192.0.2.20:8554/ch1"),
        ("rtsp:///ch1", "rtsp://192.0.2.20/ch1"),
        ("/ch1", "rtsp://192.0.2.20/ch1"),
        ("RTSPS://[fe80::1]:322/a", "rtsps://192.0.2.20:322/a"),
    ],
)
def test_a_streams_address_is_mended(told: str, uri: str) -> None:
    assert stream_uri(told, "192.0.2.20") == uri


def test_the_port_of_another_host_does_not_count() -> None:
    here = Place("192.0.2.20", 8080)
    assert here.told("http://10.0.0.9:99/onvif/media").url == "http://192.0.2.20:8080/onvif/media"
    assert here.told("http://192.0.2.20:99/onvif/media").url == "http://192.0.2.20:99/onvif/media"
