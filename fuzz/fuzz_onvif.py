"""What ONVIF devices answer: XML, SOAP, profiles, events, addresses, and answers to a search."""

from fuzz.harness import fuzz, instrumented

with instrumented():
    from haechi.fleet.onvif import discovery, soap
    from haechi.fleet.onvif.events import parse_events
    from haechi.fleet.onvif.media import parse_profiles
    from haechi.fleet.onvif.place import Place, stream_uri
    from haechi.fleet.onvif.session import device_time_ns
    from haechi.fleet.onvif.topics import kind_of, parse_topics
    from haechi.fleet.onvif.xml import parse_xml, written

from haechi.base.errors import Invalid
from haechi.camera.virtual.onvif.answers import DEVICE, MEDIA
from haechi.camera.virtual.onvif.beacon import Beacon
from haechi.camera.virtual.onvif.media2 import MEDIA2
from haechi.camera.virtual.onvif.model import Identity, Model, Quirks, VirtualProfile
from haechi.camera.virtual.onvif.pulls import PullPoints
from haechi.fleet.onvif.xml import Node

ASKED = "uuid:1"
HERE = Place("192.0.2.20")


def one(data: bytes) -> None:
    for found in discovery.parse_matches(data, HERE.host, [ASKED]):
        assert found.place.host == HERE.host
    body = soap.parse_answer(data).body
    device_time_ns(body)
    parse_profiles(body)
    parse_events(body, 0, 0)
    for topic in parse_topics(body):
        kind_of(topic)
    assert parse_xml(written(body).encode()).name == body.name
    for name in ("Uri", "XAddr", "Address"):
        for node in body.anywhere(name):
            try:
                assert HERE.told(node.text).host == HERE.host
                stream_uri(node.text, HERE.host)
            except Invalid:
                continue


def seeds() -> list[bytes]:
    from haechi.base.clock import SimulatedClock

    model = Model([VirtualProfile("main", "rtsp://192.0.2.20:554/1")], SimulatedClock(), Identity(), Quirks())
    token = Node("ProfileToken", "", {}, "main", ())
    asked = Node("", "", {}, "", (token, Node("ConfigurationToken", "", {}, "encoder-main", ())))
    wanted = {**DEVICE, **MEDIA}
    replies = [wanted[name] for name in wanted if name != "GetSnapshotUri"] + [MEDIA2["GetProfiles"]]
    pulls = PullPoints(model, SimulatedClock())
    question = discovery.probe_message(ASKED, "tds:Device")
    more = [soap.envelope(pulls.properties())]
    return (
        more
        + [soap.envelope(reply(model, "http://192.0.2.20", asked)) for reply in replies]
        + [
            Beacon(model, lambda: "http://10.0.0.9:81").answer(question),
            b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
        ]
    )


if __name__ == "__main__":
    fuzz(one, seeds())
