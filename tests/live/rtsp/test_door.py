"""Who gets in by RTSP, who does not, and how soon it ends (CONTRACT S1, S2, S3); and what strangers can do."""

from __future__ import annotations

import asyncio
import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haechi.base.clock import NS_PER_S, SimulatedClock
from haechi.live.rtsp.connection import GREETING_S, MOST_REQUESTS, MOST_WRONG
from haechi.live.rtsp.server import MOST_STRANGERS_EACH
from haechi.media.access_unit import TICKS_PER_S
from haechi.media.rtsp import auth
from haechi.media.rtsp.auth import Challenge, Credentials, DigestAnswer, authorization, parse_challenges
from tests.cameras import FastClock, until
from tests.live.rtsp.stage import CAMERA, MAIN, NAME, OTHER, TOKEN, Kept, Talker, Yard, serving
from tests.streams import h264_stream

PARAMS, CODED = h264_stream(frames=2)


def camera_on(yard: Yard) -> None:
    yard.publish(yard.open_run(MAIN, PARAMS), CODED)


async def digest(player: Talker, who: Credentials, method: str, uri: str, algorithm: str) -> str:
    """The header that answers what the server asks."""
    asked = await player.ask(method, uri)
    assert asked.status == 401
    found = parse_challenges(asked.headers.all("WWW-Authenticate"))
    challenge = next(one for one in found if one.algorithm == algorithm and one.scheme == "digest")
    return authorization(challenge, who, method, uri, cnonce="abc")


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
def test_digest_lets_the_token_in_and_nothing_else(algorithm: str) -> None:
    async def run() -> None:
        async with serving() as yard:
            camera_on(yard)
            uri = f"rtsp://127.0.0.1:{yard.port}/{CAMERA}"
            for who, status in (
                (Credentials(NAME, TOKEN), 200),
                (Credentials(NAME, "hrt_wrong"), 401),
                (Credentials("admin", TOKEN), 401),
                (Credentials("", ""), 401),
            ):
                async with yard.hello() as player:
                    header = await digest(player, who, "DESCRIBE", uri, algorithm)
                    answer = await player.ask("DESCRIBE", uri, Authorization=header)
                    assert answer.status == status
                    if status == 200:
                        assert b"H264" in answer.body
                        assert (await player.ask("DESCRIBE", uri)).status == 401, "each request proves itself"
            async with yard.hello() as player, yard.hello() as thief:
                header = await digest(player, Credentials(NAME, TOKEN), "DESCRIBE", uri, algorithm)
                assert (await thief.ask("DESCRIBE", uri, Authorization=header)).status == 401, (
                    "a nonce is of one connection"
                )

    asyncio.run(run())


def test_basic_takes_the_token_under_any_name() -> None:
    async def run() -> None:
        async with serving() as yard:
            camera_on(yard)
            for name, token, status in (("x", TOKEN, 200), ("", TOKEN, 200), (NAME, "x", 401), (TOKEN, "", 401)):
                async with yard.hello() as player:
                    header = "Basic " + base64.b64encode(f"{name}:{token}".encode()).decode()
                    assert (await player.ask("DESCRIBE", Authorization=header)).status == status
                    if status == 200:
                        asked = yard.door.asked
                        assert (await player.ask("DESCRIBE", Authorization=header)).status == 200
                        assert yard.door.asked == asked, "a token is looked up once in a connection"

    asyncio.run(run())


def test_without_a_token_nothing_is_told_also_on_loopback() -> None:
    async def run() -> None:
        async with serving() as yard:
            camera_on(yard)
            for method in ("DESCRIBE", "SETUP", "PLAY", "GET_PARAMETER", "TEARDOWN"):
                for camera in (CAMERA, OTHER):
                    async with yard.hello() as player:
                        answer = await player.ask(method, f"rtsp://h/{camera}", Transport="RTP/AVP/TCP;unicast")
                        assert answer.status == 401
                        schemes = [text.split()[0] for text in answer.headers.all("WWW-Authenticate")]
                        assert schemes == ["Digest", "Digest", "Basic"]

    asyncio.run(run())


def test_a_camera_of_others_answers_like_one_that_there_is_not() -> None:
    async def run() -> None:
        async with serving() as yard:
            camera_on(yard)
            header = "Basic " + base64.b64encode(f"x:{TOKEN}".encode()).decode()
            seen = set()
            for path in (f"/{OTHER}", "/cam_unknown", "/x", f"/{OTHER}/sub", f"/{OTHER}/trackID=0", f"/{CAMERA}/none"):
                async with yard.hello() as player:
                    for method in ("DESCRIBE", "SETUP"):
                        fields = {"Authorization": header, "Transport": "RTP/AVP/TCP;unicast;interleaved=0-1"}
                        answer = await player.ask(method, f"rtsp://h{path}", **fields)
                        seen.add((answer.status, answer.headers.fields, answer.body))
            assert {status for status, _, _ in seen} == {404}
            assert len(seen) == 1

    asyncio.run(run())


def test_a_stream_ends_soon_after_the_right_to_it() -> None:
    async def run() -> None:
        async with serving(clock=FastClock(10)) as yard:
            camera_on(yard)
            async with yard.hello() as player:
                await player.play()
                await until(lambda: yard.counts.players == 1)
                assert yard.door.watches[0] == CAMERA
                yard.door.is_open = False
                assert await player.is_closed()
            await until(lambda: yard.counts.players == 0)

    asyncio.run(run())


def test_while_the_database_is_away_who_watches_goes_on_and_who_comes_is_told() -> None:
    async def run() -> None:
        async with serving() as yard:
            camera_on(yard)
            async with yard.hello() as player, yard.hello() as late:
                await player.play()
                yard.door.is_down = True
                player.writer.write(player.client.keep_alive())
                await player.packets_until(lambda one: one.client.awaiting_answers == 0)
                header = "Basic " + base64.b64encode(f"x:{TOKEN}".encode()).decode()
                answer = await late.ask("DESCRIBE", Authorization=header)
                assert (answer.status, answer.headers.get("Retry-After")) == (503, "3")

    asyncio.run(run())


def test_a_camera_that_sends_nothing_is_answered_try_again_and_one_that_begins_is_waited_for() -> None:
    async def run() -> None:
        async with serving(clock=FastClock(10)) as yard:
            header = "Basic " + base64.b64encode(f"x:{TOKEN}".encode()).decode()
            async with yard.hello() as player:
                answer = await player.ask("DESCRIBE", Authorization=header)
                assert (answer.status, answer.headers.get("Retry-After")) == (503, "5")
                waiting = asyncio.ensure_future(player.ask("DESCRIBE", Authorization=header))
                await asyncio.sleep(0)
                camera_on(yard)
                assert (await waiting).status == 200

    asyncio.run(run())


def test_strangers_are_bounded_in_number_time_and_words() -> None:
    async def run() -> None:
        clock = SimulatedClock()
        async with serving(clock=clock) as yard:
            strangers = [yard.hello() for _ in range(MOST_STRANGERS_EACH)]
            for one in strangers:
                await one.__aenter__()
            await until(lambda: yard.counts.connections == MOST_STRANGERS_EACH, 60)
            async with yard.hello() as one_more:
                assert await one_more.is_closed()
            strangers[0].writer.write(b"OPTIONS")
            while yard.counts.connections:
                clock.advance(NS_PER_S)
                await asyncio.sleep(0.01)
            assert clock.monotonic_ns() >= GREETING_S * NS_PER_S
            for one in strangers:
                assert await one.is_closed(60)
                await one.__aexit__()
            assert yard.counts.turned_away == MOST_STRANGERS_EACH + 1

    asyncio.run(run())


def test_guessing_and_chatter_end_the_connection() -> None:
    async def run() -> None:
        async with serving() as yard:
            async with yard.hello() as guesser:
                for _ in range(MOST_WRONG):
                    assert (await guesser.ask("DESCRIBE", Authorization="Basic eDp5")).status == 401
                assert await guesser.is_closed()
            assert yard.counts.refused == MOST_WRONG
            async with yard.hello() as talker:
                for _ in range(MOST_REQUESTS):
                    assert (await talker.ask("OPTIONS")).status == 200
                talker.writer.write(b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n")
                assert await talker.is_closed()

    asyncio.run(run())


def test_nonsense_ends_its_own_connection_and_no_other() -> None:
    async def run() -> None:
        async with serving() as yard:
            camera_on(yard)
            async with yard.hello() as player:
                await player.play()
                for noise in (b"GET / HTTP/1.1\r\n\r\n", bytes(200_000), b"\x16\x03\x01" + b"x" * 100, b"A" * 70_000):
                    async with yard.hello() as other:
                        other.writer.write(noise)
                        assert await other.is_closed()
                run = yard.bus.channel(MAIN).current
                assert run is not None
                count = len(player.packets)
                more = [type(CODED[0])(one.data, one.pts + TICKS_PER_S, one.dts + TICKS_PER_S, True) for one in CODED]
                yard.publish(run, more, first=2)
                await player.packets_until(lambda one: len(one.packets) > count)

    asyncio.run(run())


def test_a_player_that_was_told_of_other_tracks_since_is_let_go() -> None:
    async def run() -> None:
        async with serving() as yard:
            camera_on(yard)
            header = "Basic " + base64.b64encode(f"x:{TOKEN}".encode()).decode()
            async with yard.hello() as player:
                uri = f"rtsp://h/{CAMERA}"
                fields = {"Authorization": header, "Transport": "RTP/AVP/TCP;unicast;interleaved=0-1"}
                answer = await player.ask("SETUP", f"{uri}/trackID=0", **fields)
                session = answer.headers.get("Session").partition(";")[0]
                assert (await player.ask("DESCRIBE", "rtsp://h/x", **fields)).status == 404
                await player.ask("PLAY", uri, Authorization=header, Session=session)
                assert await player.is_closed()
            async with yard.hello() as another:
                await another.play()

    asyncio.run(run())


@given(st.text(max_size=300))
def test_any_digest_header_is_read_or_not_and_proves_nothing(text: str) -> None:
    answer = DigestAnswer.parse("Digest " + text)
    challenge = Challenge("digest", "Haechi", "n", "MD5", "", "auth")
    assert answer is None or not answer.proves(Kept(), challenge, "DESCRIBE")
    assert auth.basic_password("Basic " + text) is not None


@settings(max_examples=40)
@given(
    st.sampled_from(["MD5", "SHA-256"]), st.sampled_from(["", "auth"]), st.sampled_from(["DESCRIBE", "SETUP"]),
    st.text("abcdef", max_size=8), st.booleans(),
)  # fmt: skip
def test_the_right_digest_is_known_by_what_is_kept(
    algorithm: str, qop: str, method: str, cnonce: str, is_right: bool
) -> None:
    challenge = Challenge("digest", "Haechi", "n", algorithm, "", qop)
    who = Credentials(NAME, TOKEN if is_right else TOKEN[:-1])
    header = authorization(challenge, who, method, "rtsp://h/x", cnonce=cnonce)
    answer = DigestAnswer.parse(header)
    assert answer is not None
    assert answer.proves(Kept(), challenge, method) == is_right
    assert not answer.proves(Kept(), challenge, "PLAY")
