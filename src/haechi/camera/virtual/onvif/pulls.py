"""The event service: pull points, and what waits in them (ONVIF Core section 9.2)."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Mapping

from haechi.base.clock import NS_PER_S, Clock
from haechi.camera.virtual.onvif.answers import Fault
from haechi.camera.virtual.onvif.model import Model, Notice
from haechi.fleet.onvif.soap import xml_time
from haechi.fleet.onvif.xml import Node

MOST_PULL_POINTS = 8
PATH = "/onvif/pull/"
LONGEST_PULL_S = 60.0
_TOPIC = "tns1:RuleEngine/CellMotionDetector/Motion"
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
            f"<wsa:Address>{base}{PATH}{name}</wsa:Address></tev:SubscriptionReference>"
            f"{self._times('wsnt', life_s)}</tev:CreatePullPointSubscriptionResponse>"
        )

    async def answer(self, name: str, asked: Node) -> str:
        """What a pull point is asked."""
        point = self._points.get(name) if name in self.open else None
        if point is None:
            raise Fault("ter:InvalidArgVal", "no such subscription")
        if asked.name == "PullMessages":
            return await self._pull(point, asked)
        if asked.name == "Renew":
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
        messages = [_message(Notice(0, self._model.now_ns(), self._model.is_motion), "Initialized")] * point.is_new
        point.is_new = False
        if not messages:
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
    return (
        f'<wsnt:NotificationMessage><wsnt:Topic Dialect="{_DIALECT}" {_TNS1}>{_TOPIC}</wsnt:Topic><wsnt:Message>'
        f'<tt:Message UtcTime="{xml_time(one.at_ns)}" PropertyOperation="{operation}">'
        '<tt:Source><tt:SimpleItem Name="VideoSourceConfigurationToken" Value="source"/></tt:Source>'
        f'<tt:Data><tt:SimpleItem Name="IsMotion" Value="{str(one.is_on).lower()}"/></tt:Data></tt:Message>'
        "</wsnt:Message></wsnt:NotificationMessage>"
    )


def _duration_s(text: str, otherwise: float) -> float:
    found = re.fullmatch(r"PT(?:(\d{1,3})M)?(?:(\d{1,5}(?:\.\d{1,3})?)S)?", text)
    if not text:
        return otherwise
    if found is None:
        raise Fault("ter:InvalidArgVal", "no such duration")
    return int(found[1] or 0) * 60 + float(found[2] or 0)
