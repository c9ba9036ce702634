"""Parts of uploads that were cut short, which S3 keeps (and charges for) until somebody says that they are not wanted.

obstore neither lists nor names them, and a process that was killed cannot take its own back. So the two requests that
it takes are made here, signed by AWS Signature Version 4. Where there are no keys in the environment to sign with
(roles of a machine), a lifecycle rule of the bucket has to do it: docs/guide/storage.md.
"""

import hashlib
import hmac
import http.client
import os
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from html import unescape
from urllib.parse import quote, urlsplit

import structlog
from msgspec import Struct

from haechi.base.clock import NS_PER_S
from haechi.base.errors import Unavailable

log = structlog.get_logger(__name__)

TIMEOUT_S = 15.0
ANSWER_MOST = 4 * 1024 * 1024
EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()
_UPLOAD = re.compile(rb"<Upload>(.*?)</Upload>", re.DOTALL)
_KEY, _ID, _BEGUN = (
    re.compile(rb"<%b>([^<]{1,2000})</%b>" % (tag, tag)) for tag in (b"Key", b"UploadId", b"Initiated")
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Keys(Struct, frozen=True):
    """What S3 requests are signed with."""

    id: str
    secret: str
    token: str = ""

    def __repr__(self) -> str:
        return f"Keys(id={self.id!r})"


class Upload(Struct, frozen=True):
    """One upload that was begun and neither completed nor aborted."""

    key: str
    id: str
    begun_ns: int


class Bucket:
    """The part of a bucket that is ours, below ``prefix``."""

    def __init__(self, url: str, options: Mapping[str, str]) -> None:
        parts = urlsplit(url)
        self._bucket = parts.netloc
        self._prefix = parts.path.strip("/")
        self._region = options.get("region") or os.environ.get("AWS_REGION") or "us-east-1"
        known = options.get("endpoint") or os.environ.get("AWS_ENDPOINT_URL") or os.environ.get("AWS_ENDPOINT")
        self._endpoint = urlsplit(known or f"https://s3.{self._region}.amazonaws.com")
        self._keys = keys_of(options)

    def abort(self, before_ns: int, now_ns: int, name: str = "") -> int:
        """Abort what was begun before a moment; how many. Blocking.

        Args:
            name: Only uploads of this object; empty: of all.

        Raises:
            Unavailable: The store does not answer, or refuses.
        """
        if self._keys is None:
            return 0
        count = 0
        for upload in self._list(now_ns, name):
            if upload.begun_ns < before_ns:
                path = f"/{quote(self._bucket)}/{quote(upload.key)}"
                self._ask("DELETE", path, {"uploadId": upload.id}, now_ns)
                count += 1
        if count:
            log.info("uploads that were cut short are taken back", count=count)
        return count

    def _list(self, now_ns: int, name: str) -> list[Upload]:
        prefix = (f"{self._prefix}/" if self._prefix else "") + name
        text = self._ask("GET", f"/{quote(self._bucket)}", {"uploads": "", "prefix": prefix}, now_ns)
        return [one for one in uploads_in(text) if one.key.startswith(prefix)]

    def _ask(self, method: str, path: str, query: Mapping[str, str], now_ns: int) -> bytes:
        assert self._keys is not None
        host = self._endpoint.netloc
        headers = signed(Request(method, host, path, query), self._keys, self._region, now_ns)
        kind = http.client.HTTPSConnection if self._endpoint.scheme == "https" else http.client.HTTPConnection
        connection = kind(host, timeout=TIMEOUT_S)
        try:
            connection.request(method, f"{path}?{canonical_query(query)}", headers=headers)
            answer = connection.getresponse()
            text = answer.read(ANSWER_MOST)
        except (OSError, http.client.HTTPException) as error:
            reason = type(error).__name__
            raise Unavailable("the object store does not answer", code="tier-down", reason=reason) from error
        finally:
            connection.close()
        if answer.status not in (200, 204, 404):
            raise Unavailable("the object store refuses", code="tier-denied", status=answer.status)
        return text


def keys_of(options: Mapping[str, str]) -> Keys | None:
    """Keys for signing, from the options or the environment; None: there are none."""
    key = options.get("access_key_id") or os.environ.get("AWS_ACCESS_KEY_ID", "")
    secret = options.get("secret_access_key") or os.environ.get("AWS_SECRET_ACCESS_KEY", "")
    return Keys(key, secret, os.environ.get("AWS_SESSION_TOKEN", "")) if key and secret else None


def uploads_in(text: bytes) -> list[Upload]:
    """What a ListMultipartUploads answer names. What cannot be read is left out."""
    found: list[Upload] = []
    for block in _UPLOAD.findall(text[:ANSWER_MOST]):
        key, upload, begun = _KEY.search(block), _ID.search(block), _BEGUN.search(block)
        if key is None or upload is None or begun is None:
            continue
        try:
            when = datetime.fromisoformat(begun[1].decode("ascii"))
            name, number = unescape(key[1].decode()), unescape(upload[1].decode())
        except (ValueError, UnicodeDecodeError):
            continue
        if when.tzinfo is not None:
            found.append(Upload(name, number, int((when - _EPOCH).total_seconds()) * NS_PER_S))
    return found


def canonical_query(query: Mapping[str, str]) -> str:
    """The query as it is signed and sent."""
    pairs = sorted((quote(name, safe="-_.~"), quote(value, safe="-_.~")) for name, value in query.items())
    return "&".join(f"{name}={value}" for name, value in pairs)


class Request(Struct, frozen=True):
    """A request without a body. ``path`` is quoted already."""

    method: str
    host: str
    path: str
    query: Mapping[str, str]


def signed(asked: Request, keys: Keys, region: str, now_ns: int) -> dict[str, str]:
    """Headers of a request, signed by AWS Signature Version 4."""
    now = _EPOCH + timedelta(seconds=now_ns // NS_PER_S)
    stamp, day = f"{now:%Y%m%dT%H%M%SZ}", f"{now:%Y%m%d}"
    headers = {"host": asked.host, "x-amz-content-sha256": EMPTY_SHA256, "x-amz-date": stamp}
    if keys.token:
        headers["x-amz-security-token"] = keys.token
    names = ";".join(sorted(headers))
    lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
    request = "\n".join((asked.method, asked.path, canonical_query(asked.query), lines, names, EMPTY_SHA256))
    scope = f"{day}/{region}/s3/aws4_request"
    text = "\n".join(("AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(request.encode()).hexdigest()))
    key = f"AWS4{keys.secret}".encode()
    for part in (day, region, "s3", "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    credential = f"AWS4-HMAC-SHA256 Credential={keys.id}/{scope}, SignedHeaders={names}, Signature={signature}"
    return headers | {"authorization": credential}
