"""The event service: pull points, and what waits in them (ONVIF Core section 9.2)."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Mapping

from haechi.base.clock import NS_PER_S, Clock
from haechi.camera.virtual.onvif.answers import Fault
from haechi.camera.virtual.onvif.model import TOPICS, Model, Notice, Pairs
from haechi.fleet.onvif.soap import xml_time
from haechi.fleet.onvif.xml import Node, escape

MOST_PULL_POINTS = 8
PATH = "/onvif/pull/"
LONGEST_PULL_S = 60.0
_DIALECT = "http://www.onvif.org/ver10/tev/topicExpression/ConcreteSet"
_TNS1 = 'xmlns:tns1="http://www.onvif.org/ver10/topics"'


class _Point:
    def __init__(self, seen: int, expires_ns: int) -> None:
        self.seen = seen
        self.expires_ns = expires_ns
        self.is_new = True


class PullPoints:
    """Who listens. A point that nobody renews lapses."""

    def __init__(self, model: Model, clock: Clock) -> None:
        self._model = model
        self._clock = clock
        self._points: dict[str, _Point] = {}
        self._news = asyncio.Event()

    @property
    def open(self) -> Mapping[str, int]:
        """Name of each point that lives, and when it lapses (monotonic)."""
        now_ns = self._clock.monotonic_ns()
        self._points = {name: one for name, one in self._points.items() if one.expires_ns > now_ns}
        return {name: one.expires_ns for name, one in self._points.items()}

    def wake(self) -> None:
        """There is something new."""
        self._news.set()
        self._news = asyncio.Event()

    def create(self, base: str, asked: Node) -> str:
        """CreatePullPointSubscription."""
        if len(self.open) >= MOST_PULL_POINTS:
            raise Fault("ter:MaxPullPoints", "no more pull points")
        name = secrets.token_hex(8)
        life_s = _duration_s(asked.text_at("InitialTerminationTime"), 60.0)
        self._points[name] = _Point(self._model.newest, self._clock.monotonic_ns() + round(life_s * NS_PER_S))
        return (
            "<tev:CreatePullPointSubscriptionResponse><tev:SubscriptionReference>"
            f"{self._reference(base, name)}</tev:SubscriptionReference>"
            f"{self._times('wsnt', life_s)}</tev:CreatePullPointSubscriptionResponse>"
        )

    def _reference(self, base: str, name: str) -> str:
        if not self._model.quirks.numbered_pulls:
            return f"<wsa:Address>{base}{PATH}{name}</wsa:Address>"
        number = f'<v:SubscriptionId xmlns:v="urn:haechi:virtual">{name}</v:SubscriptionId>'
        return f"<wsa:Address>{base}{PATH}one</wsa:Address><wsa:ReferenceParameters>{number}</wsa:ReferenceParameters>"

    def properties(self) -> str:
        """GetEventProperties."""
        tree = "".join(_branch(topic, name) for topic, name in TOPICS.items())
        return (
            "<tev:GetEventPropertiesResponse><tev:TopicNamespaceLocation>http://www.onvif.org/onvif/ver10/topics/"
            "topicns.xml</tev:TopicNamespaceLocation><wsnt:FixedTopicSet>true</wsnt:FixedTopicSet>"
            f'<wstop:TopicSet xmlns:wstop="http://docs.oasis-open.org/wsn/t-1" {_TNS1}>{tree}</wstop:TopicSet>'
            f"<wsnt:TopicExpressionDialect>{_DIALECT}</wsnt:TopicExpressionDialect><tev:MessageContentFilterDialect>"
            "http://www.onvif.org/ver10/tev/messageContentFilter/ItemFilter</tev:MessageContentFilterDialect>"
            "<tev:MessageContentSchemaLocation>http://www.onvif.org/onvif/ver10/schema/onvif.xsd"
            "</tev:MessageContentSchemaLocation></tev:GetEventPropertiesResponse>"
        )

    def forget(self) -> None:
        """All subscriptions are gone, as after a restart."""
        self._points.clear()

    async def answer(self, name: str, asked: Node, header: Node | None) -> str:
        """What a pull point is asked."""
        if self._model.quirks.numbered_pulls:
            name = header.text_at("SubscriptionId") if header is not None else ""
        point = self._points.get(name) if name in self.open else None
        if point is None:
            raise Fault("ter:InvalidArgVal", "no such subscription")
        if asked.name == "PullMessages":
            return await self._pull(point, asked)
        if asked.name == "Renew" and not self._model.quirks.no_renew:
            life_s = _duration_s(asked.text_at("TerminationTime"), 60.0)
            point.expires_ns = self._clock.monotonic_ns() + round(life_s * NS_PER_S)
            ends = xml_time(self._model.now_ns() + round(life_s * NS_PER_S))
            return (
                f"<wsnt:RenewResponse><wsnt:TerminationTime>{ends}</wsnt:TerminationTime>"
                f"<wsnt:CurrentTime>{xml_time(self._model.now_ns())}</wsnt:CurrentTime></wsnt:RenewResponse>"
            )
        if asked.name == "Unsubscribe":
            del self._points[name]
            return "<wsnt:UnsubscribeResponse/>"
        raise Fault("ter:ActionNotSupported", "no such action")

    async def _pull(self, point: _Point, asked: Node) -> str:
        limit = asked.text_at("MessageLimit")
        most = min(int(limit), 100) if limit.isdecimal() and len(limit) < 6 else 100
        wait_s = min(_duration_s(asked.text_at("Timeout"), 1.0), LONGEST_PULL_S)
        messages = [_message(one, "Initialized") for one in self._model.states.values()] if point.is_new else []
        point.is_new = False
        if not messages and not self._model.quirks.hasty_pulls:
            await self._news_within(point, wait_s)
        waiting = [one for one in self._model.notices if one.number > point.seen][: most - len(messages)]
        point.seen = waiting[-1].number if waiting else point.seen
        messages += [_message(one, "Changed") for one in waiting]
        life_s = (point.expires_ns - self._clock.monotonic_ns()) / NS_PER_S
        return f"<tev:PullMessagesResponse>{self._times('tev', life_s)}{''.join(messages)}</tev:PullMessagesResponse>"

    async def _news_within(self, point: _Point, seconds: float) -> None:
        if self._model.newest > point.seen:
            return
        try:
            async with asyncio.timeout(seconds):
                await self._news.wait()
        except TimeoutError:
            return

    def _times(self, prefix: str, life_s: float) -> str:
        now_ns = self._model.now_ns()
        ends = xml_time(now_ns + round(life_s * NS_PER_S))
        return (
            f"<{prefix}:CurrentTime>{xml_time(now_ns)}</{prefix}:CurrentTime>"
            f"<{prefix}:TerminationTime>{ends}</{prefix}:TerminationTime>"
        )


def _message(one: Notice, operation: str) -> str:
    what = f' PropertyOperation="{operation}"' if TOPICS[one.topic] else ""
    topic = f'<wsnt:Topic Dialect="{_DIALECT}" {_TNS1}>tns1:{one.topic}</wsnt:Topic>'
    return (
        f"<wsnt:NotificationMessage>{topic}<wsnt:Message>"
        f'<tt:Message UtcTime="{xml_time(one.at_ns)}"{what}>'
        f"<tt:Source>{_items(one.source)}</tt:Source><tt:Data>{_items(one.data)}</tt:Data></tt:Message>"
        "</wsnt:Message></wsnt:NotificationMessage>"
    )


def _items(pairs: Pairs) -> str:
    return "".join(f'<tt:SimpleItem Name="{escape(name)}" Value="{escape(value)}"/>' for name, value in pairs)


def _branch(topic: str, state: str) -> str:
    """One topic of a topic set, from its root."""
    first, *rest = topic.split("/")
    is_property = "true" if state else "false"
    leaf = (
        f'<tt:MessageDescription IsProperty="{is_property}"><tt:Data><tt:SimpleItemDescription '
        f'Name="{state or "ObjectId"}" Type="xs:boolean"/></tt:Data></tt:MessageDescription>'
    )
    for depth, name in enumerate(reversed(rest)):
        mark = "" if depth else ' wstop:topic="true"'
        leaf = f"<{name}{mark}>{leaf}</{name}>"
    return f"<tns1:{first}>{leaf}</tns1:{first}>"


def _duration_s(text: str, otherwise: float) -> float:
    found = re.fullmatch(r"PT(?:(\d{1,3})M)?(?:(\d{1,5}(?:\.\d{1,3})?)S)?", text)
    if not text:
        return otherwise
    if found is None:
        raise Fault("ter:InvalidArgVal", "no such duration")
    return int(found[1] or 0) * 60 + float(found[2] or 0)
