"""Uploads that were cut short do not stay in the bucket."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haechi.base.clock import NS_PER_S, SystemClock
from haechi.base.errors import HaechiError
from haechi.record.tiers.leftovers import EMPTY_SHA256, Keys, Request, signed, uploads_in
from haechi.record.tiers.objects import Objects
from tests.faultproxy import Fault, FaultProxy
from tests.record.tiers.stage import Stage
from tests.s3 import ACCESS_KEY, BUCKET, S3, SECRET_KEY, client

NOW_NS = 1_369_353_600 * NS_PER_S


def test_a_request_is_signed_as_botocore_signs_it() -> None:
    from botocore.auth import S3SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    query = {"uploads": "", "prefix": "a b/~c"}
    ours = signed(Request("GET", "s3.example.org", "/bucket", query), Keys("AK", "SK"), "eu-west-1", NOW_NS)
    request = AWSRequest("GET", "https://s3.example.org/bucket", params=query)
    request.context["timestamp"] = ours["x-amz-date"]
    request.headers["X-Amz-Date"] = ours["x-amz-date"]
    request.headers["X-Amz-Content-SHA256"] = EMPTY_SHA256
    theirs = S3SigV4Auth(Credentials("AK", "SK"), "s3", "eu-west-1")
    canonical = theirs.canonical_request(request)
    assert theirs.signature(theirs.string_to_sign(request, canonical), request) in ours["authorization"]


def uploads(s3: S3, prefix: str) -> list[str]:
    found: Any = client(s3.port).list_multipart_uploads(Bucket=BUCKET, Prefix=prefix)
    return [one["Key"] for one in found.get("Uploads", [])]


def test_what_a_broken_upload_left_is_taken_back_and_nothing_else(tmp_path: Path, s3: S3) -> None:
    stage = Stage(tmp_path)

    async def cut() -> None:
        place = await stage.objects(proxy.endpoint, "left")

        await _cut_short(place, proxy, "left/cam/one.mp4")
        other: Any = client(s3.port).create_multipart_upload(Bucket=BUCKET, Key="elsewhere/two.mp4")
        assert uploads(s3, "left/") == ["left/cam/one.mp4"]
        now_ns = SystemClock().wall_ns()
        assert await place.tidy(now_ns - 3600 * NS_PER_S, now_ns) == 0
        assert await place.tidy(now_ns + 60 * NS_PER_S, now_ns) == 1
        assert uploads(s3, "left/") == []
        assert uploads(s3, "elsewhere/") == ["elsewhere/two.mp4"]
        assert other["UploadId"]

    with FaultProxy(s3.port) as proxy:
        asyncio.run(cut())
    stage.close()


@pytest.mark.parametrize("then", ["put again", "removed", "cancelled and put again"])
def test_parts_of_an_upload_that_failed_go_when_its_object_is_made_again_or_given_up(
    tmp_path: Path, s3: S3, then: str
) -> None:
    stage, name = Stage(tmp_path, minutes=4), f"parts-{then.replace(' ', '-')}"

    async def cut() -> None:
        place = await stage.objects(proxy.endpoint, name)
        await _cut_short(place, proxy, f"{name}/cam/one.mp4", is_cancelled=then.startswith("cancelled"))
        assert uploads(s3, name) == [f"{name}/cam/one.mp4"]
        client(s3.port).create_multipart_upload(Bucket=BUCKET, Key=f"{name}/cam/two.mp4")
        if then == "removed":
            await place.remove("cam/one.mp4")
        else:
            await place.put("cam/one.mp4", _megabytes(20))
            assert await place.size_of("cam/one.mp4") == 20 << 20
        assert uploads(s3, name) == [f"{name}/cam/two.mp4"]

    with FaultProxy(s3.port) as proxy:
        asyncio.run(cut())
    stage.close()


async def _megabytes(count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield bytes(1 << 20)
        await asyncio.sleep(0.02)


async def _cut_short(place: Objects, proxy: FaultProxy, key: str, *, is_cancelled: bool = False) -> None:
    """An upload that has begun at the store when the line is cut, or when nobody wants it any more."""
    is_cut = asyncio.Event()

    async def chunks() -> AsyncIterator[bytes]:
        async for chunk in _megabytes(12):
            yield chunk
        async with asyncio.timeout(30):
            while not await asyncio.to_thread(uploads, S3(proxy._target, 0), key):  # noqa: ASYNC110 - the store says it
                await asyncio.sleep(0.05)
        proxy.set(Fault.REFUSE)
        is_cut.set()
        if is_cancelled:
            await asyncio.Event().wait()
        async for chunk in _megabytes(8):
            yield chunk

    work = asyncio.create_task(place.put("cam/one.mp4", chunks()))
    await is_cut.wait()
    if is_cancelled:
        work.cancel()
    with pytest.raises((HaechiError, asyncio.CancelledError)):
        await work
    proxy.set(Fault.NONE)


@given(st.binary(max_size=400))
def test_noise_names_no_upload(noise: bytes) -> None:
    assert uploads_in(noise) == []
    text = b"<Upload>" + noise + b"<Key>a&amp;b</Key><UploadId>7</UploadId><Initiated>2026-01-01T00:00:00Z</Initiated>"
    assert all(one.id for one in uploads_in(text + b"</Upload>"))


def test_keys_do_not_show() -> None:
    assert SECRET_KEY not in repr(Keys(ACCESS_KEY, SECRET_KEY, SECRET_KEY))
