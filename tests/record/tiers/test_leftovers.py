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

        async def chunks() -> AsyncIterator[bytes]:
            for number in range(20):
                if number == 12:
                    proxy.set(Fault.REFUSE)
                yield bytes(1 << 20)
                await asyncio.sleep(0.02)

        with pytest.raises(HaechiError):
            await place.put("cam/one.mp4", chunks())
        proxy.set(Fault.NONE)
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


@given(st.binary(max_size=400))
def test_noise_names_no_upload(noise: bytes) -> None:
    assert uploads_in(noise) == []
    text = b"<Upload>" + noise + b"<Key>a&amp;b</Key><UploadId>7</UploadId><Initiated>2026-01-01T00:00:00Z</Initiated>"
    assert all(one.id for one in uploads_in(text + b"</Upload>"))


def test_keys_do_not_show() -> None:
    assert SECRET_KEY not in repr(Keys(ACCESS_KEY, SECRET_KEY, SECRET_KEY))
