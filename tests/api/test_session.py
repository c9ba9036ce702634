"""Set-up, log-in and log-out over HTTP, and what must not count as one of our own pages."""

from __future__ import annotations

import asyncio
import json

import pytest
from fastapi import FastAPI

from haechi.api.auth.tokens import csrf_of
from haechi.api.peer import Peer, is_same_origin, networks, peer_of
from haechi.api.policy import COOKIE
from haechi.base.clock import NS_PER_S
from tests.api.knock import Answer, knock, page_headers, scope_of
from tests.api.world import HOST, ORIGIN, PASSWORD, Browser, World

JSON = {"content-type": "application/json", "origin": ORIGIN}


async def log_in(app: FastAPI, name: str, password: str, **headers: str) -> Answer:
    body = json.dumps({"name": name, "password": password}).encode()
    more = {key.replace("_", "-"): value for key, value in headers.items()}
    return await knock(app, "POST", "/api/session", JSON | more, body=body)


def test_the_first_run_makes_one_administrator_and_logs_in(world: World) -> None:
    token = world.do(world.auth.setup.issue())
    browser = Browser(world.app())
    assert browser.get("/api/setup").json() == {"needed": True}
    wrong = browser.ask("POST", "/api/setup", {"token": "x" * 22, "name": "Ann", "password": PASSWORD})
    assert (wrong.status_code, wrong.json()["code"]) == (403, "bad-setup-token")
    weak = browser.ask("POST", "/api/setup", {"token": token, "name": "Ann", "password": "password123"})
    assert (weak.status_code, weak.json()["code"]) == (422, "weak-password")
    done = browser.ask("POST", "/api/setup", {"token": token, "name": "Ann", "password": PASSWORD})
    assert done.status_code == 200
    assert done.json()["user"]["role"] == "admin"
    assert browser.get("/api/setup").json() == {"needed": False}
    assert browser.get("/api/session").json() == done.json()
    again = Browser(world.app()).ask("POST", "/api/setup", {"token": token, "name": "Eve", "password": PASSWORD})
    assert (again.status_code, again.json()["code"]) == (409, "already-set-up")


def test_nothing_is_served_before_somebody_is_set_up(world: World) -> None:
    browser = Browser(world.app())
    for path in ("/api/cameras", "/api/events", "/api/system", "/metrics", "/api/users"):
        assert browser.get(path).status_code == 401
    for name, password in (("admin", "admin"), ("admin", ""), ("haechi", "haechi")):
        assert browser.ask("POST", "/api/session", {"name": name, "password": password}).status_code == 401


def test_the_cookie_cannot_be_read_by_scripts_nor_sent_by_other_sites(world: World) -> None:
    world.user("Ann", "admin")
    app = world.app()

    async def check() -> None:
        plain = (await log_in(app, "Ann", PASSWORD)).cookies()
        assert {"httponly", "samesite=strict", "path=/", "max-age=2592000"} <= plain[COOKIE]
        assert "secure" not in plain[COOKIE]
        proxied = await knock(
            app,
            "POST",
            "/api/session",
            JSON | {"x-forwarded-proto": "https", "origin": f"https://{HOST}"},
            body=json.dumps({"name": "Ann", "password": PASSWORD}).encode(),
            peer="10.9.0.1",
        )
        assert "secure" in proxied.cookies()[COOKIE]

    asyncio.run(check())


def test_a_session_is_never_one_that_somebody_planted(world: World) -> None:
    world.user("Ann", "admin")
    app = world.app()

    async def check() -> None:
        planted = "planted-by-somebody-else"
        answer = await log_in(app, "Ann", PASSWORD, cookie=f"{COOKIE}={planted}")
        assert answer.status == 200
        assert f"{COOKIE}={planted}" not in answer.headers["set-cookie"]
        assert (await knock(app, "GET", "/api/session", page_headers(planted))).status == 401

    asyncio.run(check())


def test_logging_in_again_ends_the_session_before(world: World) -> None:
    user = world.user("Ann", "admin")
    before = world.token(user)
    app = world.app()

    async def check() -> None:
        more = {"cookie": f"{COOKIE}={before}", "x_haechi_csrf": csrf_of(before)}
        assert (await log_in(app, "Ann", PASSWORD, **more)).status == 200
        assert (await knock(app, "GET", "/api/session", page_headers(before))).status == 401

    asyncio.run(check())


def test_logging_out_ends_the_session_on_the_server(world: World) -> None:
    token = world.token(world.user("Ann", "admin"))
    browser = Browser(world.app(), token)
    assert browser.ask("DELETE", "/api/session").status_code == 204
    assert Browser(world.app(), token).get("/api/session").status_code == 401


def test_a_password_is_changed_by_who_knows_the_present_one(world: World) -> None:
    user = world.user("Vera")
    mine, other = world.token(user), world.token(user)
    app = world.app()
    browser = Browser(app, mine)
    wrong = browser.ask("PUT", "/api/session/password", {"current": "nonsense", "new": "another good one"})
    assert (wrong.status_code, wrong.json()["code"]) == (403, "wrong-current-password")
    assert browser.ask("PUT", "/api/session/password", {"current": PASSWORD, "new": "short"}).status_code == 422
    done = browser.ask("PUT", "/api/session/password", {"current": PASSWORD, "new": "another good one"})
    assert done.status_code == 204
    assert browser.get("/api/session").status_code == 200
    assert Browser(app, other).get("/api/session").status_code == 401


def test_guessing_is_throttled_with_a_time_to_wait_and_no_header_helps(world: World) -> None:
    world.user("Ann", "admin")
    app = world.app()

    async def check() -> None:
        for number in range(5):
            spoofed = {"x_forwarded_for": f"198.51.100.{number}", "forwarded": f"for=198.51.100.{number}"}
            assert (await log_in(app, "Ann", "wrong", **spoofed)).status == 401
        stopped = await log_in(app, "Ann", PASSWORD, x_forwarded_for="203.0.113.7")
        assert (stopped.status, stopped.json()["code"]) == (429, "throttled")
        assert int(stopped.headers["retry-after"]) == 241
        world.clock.advance(241 * NS_PER_S)
        assert (await log_in(app, "Ann", PASSWORD)).status == 200

    asyncio.run(check())


def test_users_are_managed_by_administrators_and_the_last_of_them_stays(world: World) -> None:
    camera = world.camera()
    ann = world.user("Ann", "admin")
    browser = Browser(world.app(), world.token(ann))
    body = {"name": "Vera", "password": "a good long one", "cameras": [camera]}
    added = browser.ask("POST", "/api/users", body)
    assert (added.status_code, added.json()["cameras"]) == (201, [camera])
    assert browser.ask("POST", "/api/users", body | {"name": "VERA"}).json()["code"] == "user-exists"
    assert browser.ask("POST", "/api/users", body | {"cameras": ["cam_gone"]}).json()["code"] == "unknown-camera"
    vera = f"/api/users/{added.json()['id']}"
    assert browser.ask("PATCH", vera, {"cameras": []}).json()["cameras"] == []
    assert browser.ask("PATCH", f"/api/users/{ann}", {"role": "viewer"}).json()["code"] == "last-admin"
    assert browser.ask("DELETE", f"/api/users/{ann}").json()["code"] == "last-admin"
    assert browser.ask("DELETE", vera).status_code == 204
    assert browser.ask("DELETE", vera).json()["code"] == "user-not-found"


THEIRS: list[dict[str, str]] = [
    {"origin": "https://evil.example"},
    {"origin": "null"},
    {"origin": f"http://{HOST}.evil.example"},
    {"origin": f"http://{HOST}:8080"},
    {"origin": f"https://{HOST}"},
    {"origin": ""},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
]


def test_what_another_sites_page_sends_changes_nothing(world: World) -> None:
    camera = world.camera()
    token = world.token(world.user("Ann", "admin"))
    app = world.app()

    async def check(headers: dict[str, str]) -> None:
        theirs = {"cookie": f"{COOKIE}={token}", "x-haechi-csrf": csrf_of(token), **headers}
        for method, path in (
            ("DELETE", f"/api/cameras/{camera}"),
            ("DELETE", "/api/session"),
            ("POST", "/api/session"),
            ("POST", "/api/setup"),
            ("WEBSOCKET", "/api/ws"),
            ("WEBSOCKET", "/api/live"),
        ):
            answer = await knock(app, method, path, theirs)
            assert (answer.status, answer.json()["code"]) == (403, "cross-site")
        assert len(await world.registry.list()) == 1

    for headers in THEIRS:
        asyncio.run(check(headers))


def test_a_change_needs_the_token_that_only_our_page_knows(world: World) -> None:
    token = world.token(world.user("Ann", "admin"))
    app = world.app()

    async def check() -> None:
        for csrf in ("", "wrong", csrf_of(token)[:-1], csrf_of(token).upper()):
            answer = await knock(app, "DELETE", "/api/session", page_headers(token, csrf))
            assert (answer.status, answer.json()["code"]) == (403, "bad-csrf-token")
        without_browser = {"cookie": f"{COOKIE}={token}", "x-haechi-csrf": csrf_of(token)}
        assert (await knock(app, "DELETE", "/api/session", without_browser)).status == 204

    asyncio.run(check())


def test_a_websocket_without_an_origin_is_refused(world: World) -> None:
    token = world.token(world.user("Ann", "admin"))
    answer = asyncio.run(knock(world.app(), "WEBSOCKET", "/api/ws", {"cookie": f"{COOKIE}={token}"}))
    assert (answer.status, answer.json()["code"]) == (403, "cross-site")


def test_a_form_of_another_site_is_no_json(world: World) -> None:
    token = world.token(world.user("Ann", "admin"))
    headers = page_headers(token, csrf_of(token)) | {"content-type": "text/plain"}
    body = b'{"name": "x", "url": "rtsp://192.0.2.1/x"}'
    assert asyncio.run(knock(world.app(), "POST", "/api/cameras", headers, body=body)).status == 422


@pytest.mark.parametrize(
    ("peer", "headers", "want"),
    [
        ("192.0.2.1", {"x-forwarded-for": "198.51.100.1"}, Peer("192.0.2.1", "http", "haechi.test")),
        ("10.9.0.1", {"x-forwarded-for": "198.51.100.1"}, Peer("198.51.100.1", "http", "haechi.test")),
        ("10.9.0.1", {"x-forwarded-for": "1.2.3.4, 198.51.100.1, 10.9.1.1"},
         Peer("198.51.100.1", "http", "haechi.test")),
        ("10.9.0.1", {"x-forwarded-for": "nonsense"}, Peer("nonsense", "http", "haechi.test")),
        ("10.9.0.1", {"x-forwarded-proto": "https", "x-forwarded-host": "Cam.Example:8443"},
         Peer("10.9.0.1", "https", "cam.example:8443")),
    ],
)  # fmt: skip
def test_forwarded_headers_count_only_from_a_trusted_proxy(peer: str, headers: dict[str, str], want: Peer) -> None:
    assert peer_of(scope_of("GET", "/", headers, peer), networks(["10.9.0.0/16"])) == want


def test_origins_are_compared_whole_and_nothing_equals_nonsense() -> None:
    here = Peer("192.0.2.1", "http", "haechi.lan:80")
    assert is_same_origin("http://HAECHI.lan", here, ())
    assert not is_same_origin("https://haechi.lan", here, ())
    assert is_same_origin("https://cams.example", here, ("https://cams.example",))
    nowhere = Peer("192.0.2.1", "http", "")
    for nonsense in ("null", "", "http://", "://", "http://[", "file:///x"):
        assert not is_same_origin(nonsense, nowhere, ())
