"""Quarters of an hour put together to hours and days of a site's clock. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Literal

from haechi.base.ids import LineId
from haechi.events.counts.counter import SLOT_S
from haechi.events.counts.store import Row
from haechi.events.rules.rule import Way

Bucket = Literal["quarter", "hour", "day"]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)
Totals = dict[tuple[LineId, str, Way], list[int]]


def bucket_starts(first_slot: int, after_slot: int, bucket: Bucket, zone: tzinfo) -> list[int]:
    """Where the buckets begin that hold the quarters from one to before another, in seconds since the epoch."""
    starts: list[int] = []
    slot = first_slot
    while slot < after_slot:
        local = (_EPOCH + slot * SLOT_S * _SECOND).astimezone(zone)
        begins = slot * SLOT_S if bucket == "quarter" else _begins(local, bucket)
        if not starts or begins > starts[-1]:
            starts.append(begins)
        slot = _next(slot, local, bucket)
    return starts


def summed(rows: Iterable[Row], starts: Sequence[int]) -> Totals:
    """How many crossed each line, by class and direction, in each bucket."""
    totals: Totals = {}
    for row in rows:
        at = bisect_right(starts, row.slot * SLOT_S) - 1
        if at >= 0:
            totals.setdefault((row.line, row.label, row.way), [0] * len(starts))[at] += row.number
    return totals


def _begins(local: datetime, bucket: Bucket) -> int:
    """The beginning of the hour or day of a moment; of an hour that comes twice, of that one of both."""
    if bucket == "hour":
        return round((local - _EPOCH) / _SECOND) - local.minute * 60 - local.second
    midnight = local.replace(hour=0, minute=0, second=0, fold=0)
    return round((midnight.astimezone(UTC) - _EPOCH) / _SECOND)


def _next(slot: int, local: datetime, bucket: Bucket) -> int:
    """The quarter in which the next bucket may begin."""
    if bucket != "day":
        return slot + 1
    tomorrow = (local.replace(hour=0, minute=0, second=0, fold=0, tzinfo=None) + timedelta(days=1)).replace(
        tzinfo=local.tzinfo
    )
    return max(slot + 1, round((tomorrow.astimezone(UTC) - _EPOCH) / _SECOND) // SLOT_S)
