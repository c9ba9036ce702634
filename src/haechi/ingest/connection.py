"""A TCP connection to a checked address, with TLS where it is wanted, as a pair of streams."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

from haechi.base.errors import Unavailable
from haechi.base.tls import tls_to_cameras
from haechi.ingest.network import unreachable
from haechi.ingest.reach import Address
from haechi.media.url import Url

CONNECT_S = 5.0
READ_BYTES = 64 * 1024


@contextlib.asynccontextmanager
async def connected(
    url: Url, address: Address, note: Callable[[str], None]
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Connect to ``address``, which is what ``url`` was resolved to; closed at the end of the block.

    Raises:
        Unavailable: ``tcp-refused``, ``tcp-timeout``, ``tcp-failed``, ``tls-failed``.
    """
    note("tcp")
    _, host, port = address
    try:
        async with asyncio.timeout(CONNECT_S):
            reader, writer = await asyncio.open_connection(host, port, limit=4 * READ_BYTES)
    except (OSError, TimeoutError) as error:
        raise unreachable(error, host, port) from error
    try:
        if url.is_tls:
            note("tls")
            await _secure(writer, url.host)
        yield reader, writer
    finally:
        writer.close()


async def _secure(writer: asyncio.StreamWriter, host: str) -> None:
    try:
        async with asyncio.timeout(CONNECT_S):
            await writer.start_tls(tls_to_cameras(), server_hostname=host)
    except (OSError, TimeoutError) as error:
        raise Unavailable("no TLS with the camera", code="tls-failed", reason=type(error).__name__) from error
