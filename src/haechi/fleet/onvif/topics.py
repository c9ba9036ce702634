"""What a camera can notice by itself, and in which of few kinds it falls. Makers add topics to those of ONVIF."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

from haechi.fleet.onvif.session import Session
from haechi.fleet.onvif.xml import Node, inert

Kind = Literal["motion", "person", "vehicle", "animal", "line", "intrusion", "tamper", "input", "sound"]
KINDS: tuple[Kind, ...] = get_args(Kind)
MOST_TOPICS = 200
_ACTION = "http://www.onvif.org/ver10/events/wsdl/EventPortType/GetEventPropertiesRequest"
_WORDS: tuple[tuple[Kind, tuple[str, ...]], ...] = (
    ("input", ("digitalinput", "trigger/input", "alarmin")),
    ("tamper", ("tamper", "globalscenechange", "imagetoo", "signalloss", "videoloss", "defocus", "scenechange")),
    ("sound", ("audio", "sound")),
    ("line", ("linedetector", "linecross", "crossline", "crossed", "tripwire", "linecount")),
    (
        "intrusion",
        ("fielddetector", "intrusion", "objectsinside", "loiter", "regionentrance", "regionexit", "perimeter"),
    ),
    ("person", ("people", "person", "human", "pedestrian", "face", "visitor")),
    ("vehicle", ("vehicle", "car", "licenseplate")),
    ("animal", ("dogcat", "animal", "pet")),
    ("motion", ("motion",)),
)
"""Words in a topic, in lower case; the first that fits counts. Some are of makers: ``MyRuleDetector/DogCatDetect``."""
_NEVER = ("monitoring/", "device/hardware", "recording", "configuration", "relay", "ptzcontroller", "capacity")


def kind_of(topic: str) -> Kind | None:
    """The kind of a topic; None when it is about nothing that a person waits for.

    Args:
        topic: Path without prefixes, such as ``RuleEngine/CellMotionDetector/Motion``.
    """
    plain = topic.lower()
    if any(word in plain for word in _NEVER):
        return None
    whole = set(plain.replace("/", " ").split())
    for kind, words in _WORDS:
        if any(word in whole if len(word) < 4 else word in plain for word in words):
            return kind
    return None


async def topics_of(session: Session) -> Sequence[str]:
    """What the device says that it can notice, in its order.

    Raises:
        HaechiError: What `Session.call` raises.
    """
    return parse_topics(await session.call("events", "<tev:GetEventProperties/>", action=_ACTION))


def parse_topics(answer: Node) -> list[str]:
    """The topics in an answer to GetEventProperties (WS-Topics, section 4), at most `MOST_TOPICS`, each once."""
    found: dict[str, None] = {}
    tree = answer.find("TopicSet")
    waiting = [(one, "") for one in reversed(tree.children)] if tree is not None else []
    while waiting and len(found) < MOST_TOPICS:
        node, above = waiting.pop()
        path = inert(f"{above}/{node.name}" if above else node.name, 200)
        if node.attributes.get("topic", "").lower() in ("true", "1"):
            found[path] = None
        waiting += [(one, path) for one in reversed(node.children) if one.name != "MessageDescription"]
    return list(found)
