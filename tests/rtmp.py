"""An RTMP server's half of the conversation up to ``play``, for servers that tests and benchmarks make."""

import asyncio
from collections.abc import Awaitable, Callable

from haechi.media.rtmp.amf import Value, decode, encode
from haechi.media.rtmp.chunks import ChunkReader, Message, write_message
from haechi.media.rtmp.client import HANDSHAKE_BYTES

CHUNK_BYTES = 4096
Play = Callable[[asyncio.StreamWriter, str], Awaitable[None]]
"""Plays the stream of a name to somebody."""


def said(*values: Value) -> bytes:
    """A command."""
    return write_message(Message(20, 0, encode(*values)), 3)


def begins() -> bytes:
    """The stream begins, in larger chunks."""
    start = said("onStatus", 0.0, None, {"level": "status", "code": "NetStream.Play.Start"})
    return start + write_message(Message(1, 0, CHUNK_BYTES.to_bytes(4, "big")), 2)


async def converse(play: Play, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One client, from the handshake on, until it goes."""
    hello = await reader.readexactly(1 + HANDSHAKE_BYTES)
    writer.write(hello[:1] + bytes(HANDSHAKE_BYTES) + hello[1:])
    await reader.readexactly(HANDSHAKE_BYTES)
    chunks = ChunkReader()
    while data := await reader.read(65_536):
        for values in [decode(one.data) for one in chunks.feed(data) if one.kind == 20]:
            if values[0] == "connect":
                writer.write(said("_result", values[1], {}, {"code": "NetConnection.Connect.Success"}))
            elif values[0] == "createStream":
                writer.write(said("_result", values[1], None, 1.0))
            elif values[0] == "play":
                await play(writer, str(values[3]))
