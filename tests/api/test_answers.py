"""What every answer has in common: problems, headers, limits, and no secret in any of it."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import structlog

from haechi.api.auth.tokens import csrf_of
from haechi.api.headers import CONTENT_SECURITY_POLICY
from haechi.base.redact import redact_event
from tests.api.knock import knock, page_headers
from tests.api.world import CAMERA_PASSWORD, METRICS_TOKEN, PAGE, PASSWORD, Browser, World


def browser_of(world: World, name: str = "Ann") -> Browser:
    return Browser(world.app(), world.token(world.user(name, "admin")))


def test_a_problem_says_what_happened_and_carries_an_id(world: World) -> None:
    answer = browser_of(world).get("/api/cameras/cam_aaaaaaaaaaaaaaaa")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body.pop("error_id").startswith("err_")
    assert body == {
        "type": "urn:haechi:problem:camera-not-found",
        "title": "Not Found",
        "status": 404,
        "detail": "no such camera",
        "code": "camera-not-found",
        "context": {},
    }


def test_input_that_cannot_be_taken_is_named_but_not_repeated(world: World) -> None:
    browser = browser_of(world)
    body = {"name": "x", "url": 7, "password": "canary" * 100, "extra": "canary"}
    answer = browser.ask("POST", "/api/cameras", body)
    assert answer.status_code == 422
    assert {error["field"] for error in answer.json()["errors"]} == {"body.url", "body.password", "body.extra"}
    assert "canary" not in answer.text


ADDRESSES = {
    "gopher://192.0.2.1/x": "must begin with rtsp",
    "file:///etc/passwd": "must begin with rtsp",
    "rtsp://": "host",
    "rtsp://h:99999/x": "host and port",
    "rtsp://h\n/x": "control characters",
    "x" * 3000: "see errors",
}


def test_addresses_that_are_no_cameras_are_refused_with_a_reason(world: World) -> None:
    browser = browser_of(world)
    for url, detail in ADDRESSES.items():
        answer = browser.ask("POST", "/api/cameras", {"name": "x", "url": url})
        assert answer.status_code == 422
        assert detail in answer.json()["detail"]


def test_credentials_stand_in_one_place_only(world: World) -> None:
    body = {"name": "x", "url": "rtsp://a:canary@192.0.2.1/x", "username": "b", "password": "canary"}
    answer = browser_of(world).ask("POST", "/api/cameras", body)
    assert (answer.status_code, answer.json()["code"]) == (422, "bad-credentials")
    assert "canary" not in answer.text


def test_a_bug_gives_an_id_and_nothing_else_and_the_log_has_the_rest(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_camera: str) -> None:
        raise ZeroDivisionError("canary detail")

    world.camera()
    monkeypatch.setattr(world.ingest, "status", broken)
    browser = browser_of(world)
    with logged() as lines:
        answer = browser.get("/api/cameras")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "canary" not in answer.text
    assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert answer.json()["error_id"] in lines.getvalue()
    assert "ZeroDivisionError" in lines.getvalue()


def test_what_is_not_there_is_a_problem_too(world: World) -> None:
    browser = browser_of(world)
    for method, path, status, code in (
        ("GET", "/api/nothing", 404, "not-found"),
        ("GET", "/api", 404, "not-found"),
        ("GET", "/assets/gone.js", 404, "not-found"),
        ("GET", "/favicon.ico", 404, "not-found"),
        ("DELETE", "/api/cameras", 405, "method-not-allowed"),
        ("OPTIONS", "/api/cameras", 405, "method-not-allowed"),
        ("POST", "/nothing", 405, "method-not-allowed"),
    ):
        answer = browser.ask(method, path)
        assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_a_body_that_is_too_large_is_refused_before_it_is_read(world: World) -> None:
    token = world.token(world.user("Ann", "admin"))
    app = world.app()

    async def check() -> None:
        headers = page_headers(token, csrf_of(token)) | {"content-type": "application/json"}
        for extra in ({"content-length": "300000"}, {}):
            body = b'{"name": "' + b"x" * 299_988 + b'"}'
            answer = await knock(app, "POST", "/api/cameras", headers | extra, body=body)
            assert (answer.status, answer.json()["code"]) == (413, "too-large")

    asyncio.run(check())


def test_a_body_that_is_no_json_is_a_problem(world: World) -> None:
    token = world.token(world.user("Ann", "admin"))
    headers = page_headers(token, csrf_of(token)) | {"content-type": "application/json"}
    app = world.app()
    for body in (b"{", b"\xff\xfe", b"[" * 100_000, b'{"name": NaN}', b"null", b""):
        answer = asyncio.run(knock(app, "POST", "/api/cameras", headers, body=body))
        assert answer.status in {400, 422}
        assert answer.headers["content-type"] == "application/problem+json"


def test_every_answer_carries_the_headers_that_keep_a_page_safe(world: World) -> None:
    browser = browser_of(world)
    for path in ("/", "/healthz", "/api/cameras", "/api/nothing", "/docs", "/metrics", "/assets/index-4f2a.js"):
        headers = browser.get(path).headers
        assert headers["content-security-policy"] == CONTENT_SECURITY_POLICY, path
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-frame-options"] == "DENY"
    for part in ("script-src 'self';", "media-src 'self' blob:", "worker-src 'self' blob:", "frame-ancestors 'none'"):
        assert part in CONTENT_SECURITY_POLICY
    assert "http:" not in CONTENT_SECURITY_POLICY
    assert "unsafe-eval" not in CONTENT_SECURITY_POLICY


def test_footage_and_answers_are_not_cached_and_hashed_files_are_for_ever(world: World) -> None:
    browser = browser_of(world)
    camera = world.camera()
    for path in (f"/api/cameras/{camera}/latest.jpg", "/api/cameras", "/api/session"):
        assert browser.get(path).headers["cache-control"] == "private, no-store"
    assert "immutable" in browser.get("/assets/index-4f2a.js").headers["cache-control"]
    assert browser.get("/").headers["cache-control"] == "no-cache"


def test_deep_links_open_the_page_and_files_come_compressed(world: World) -> None:
    browser = browser_of(world)
    for path in ("/", "/live", "/cameras/cam_aaaa/zones", "/events?label=person"):
        answer = browser.get(path)
        assert (answer.status_code, answer.content) == (200, PAGE)
        assert answer.headers["content-type"].startswith("text/html")
    script = browser.get("/assets/index-4f2a.js", **{"Accept-Encoding": "gzip"})
    assert script.headers["content-encoding"] == "gzip"
    assert script.headers["content-type"].startswith("text/javascript")
    assert script.text.startswith("console.log")
    for path in ("/assets/../index.html", "/%2e%2e/haechi.db", "/..%2fhaechi.db", "//etc/passwd", "/assets/%00"):
        answer = browser.get(path)
        assert b"SQLite" not in answer.content
        assert b"root:" not in answer.content


def test_without_a_built_interface_the_page_says_what_to_do(world: World) -> None:
    (world.static / "index.html").unlink()
    answer = browser_of(world).get("/")
    assert (answer.status_code, answer.json()["code"]) == (404, "ui-not-built")
    assert "make ui" in answer.json()["detail"]


def test_many_who_ask_for_the_newest_picture_share_one_decoding(world: World) -> None:
    camera = world.camera()
    token = world.token(world.user("Ann", "admin"))
    app = world.app()

    async def check() -> None:
        path = f"/api/cameras/{camera}/latest.jpg?width=320"
        answers = await asyncio.gather(*(knock(app, "GET", path, page_headers(token)) for _ in range(20)))
        assert {answer.status for answer in answers} == {200}
        assert len({answer.body for answer in answers}) == 1
        assert world.vision.stills == 1

    asyncio.run(check())


def test_a_camera_without_a_picture_says_so(world: World) -> None:
    camera = world.do(world.registry.add("New", "rtsp://192.0.2.1/x", enabled=False))
    answer = browser_of(world).get(f"/api/cameras/{camera.id}/latest.jpg")
    assert (answer.status_code, answer.json()["code"]) == (404, "no-picture")


def test_metrics_are_for_administrators_and_for_the_bearer_of_the_token(world: World) -> None:
    world.camera()
    app = world.app()

    async def check() -> None:
        for header, status in ((f"Bearer {METRICS_TOKEN}", 200), ("Bearer wrong", 401), ("Basic x", 401), ("", 401)):
            answer = await knock(app, "GET", "/metrics", {"authorization": header})
            assert answer.status == status
        assert (
            b'haechi_cameras{state="disabled"} 1.0'
            in (await knock(app, "GET", "/metrics", {"authorization": f"Bearer {METRICS_TOKEN}"})).body
        )

    asyncio.run(check())


def test_the_description_names_every_route_and_who_may_use_it(world: World) -> None:
    browser = browser_of(world)
    description = browser.get("/api/openapi.json").json()
    operations = [op for methods in description["paths"].values() for op in methods.values()]
    assert all(op["x-haechi-access"] for op in operations)
    assert len({op["operationId"] for op in operations}) == len(operations) >= 40
    assert "HTTPValidationError" not in json.dumps(description), "every error is a problem"
    page = browser.get("/docs").text
    assert "<script" not in page
    assert all(path in page for path in description["paths"])


def test_secrets_are_in_no_answer_no_log_and_no_metric(world: World) -> None:
    """Canaries: passwords and tokens go in, every reading route is asked, and none of them comes out (FAULTS A16)."""
    setup = world.do(world.auth.setup.issue())
    camera = world.camera()
    event = world.event(camera)
    with logged() as lines:
        app = world.app()
        browser = Browser(app)
        body = {"token": setup, "name": "Ann", "password": PASSWORD}
        begun = browser.ask("POST", "/api/setup", body)
        token = browser.http.cookies["haechi_session"]
        browser.csrf = begun.json()["csrf"]
        answers = [begun]
        url = f"rtsp://operator:{CAMERA_PASSWORD}@192.0.2.30/x"
        answers.append(browser.ask("POST", "/api/cameras", {"name": "Two", "url": url}))
        answers.append(browser.ask("POST", "/api/cameras", {"name": "Three", "url": url + "\n"}))
        answers.append(browser.ask("PATCH", f"/api/cameras/{camera}", {"url": url.replace("rtsp", "http")}))
        answers.append(browser.ask("POST", "/api/session", {"name": "Ann", "password": PASSWORD + "x"}))
        answers.append(browser.ask("POST", "/api/setup", body))
        for path in app.openapi()["paths"]:
            address = path.replace("{camera}", camera).replace("{event}", event.id).replace("{recording}", "7")
            query = "?start_ms=1759999000000&end_ms=1759999100000&at_ms=5" if "{camera}" in path else ""
            answers.append(browser.get(address + query))
    text = "".join(answer.text + json.dumps(dict(answer.headers)) for answer in answers[1:]) + lines.getvalue()
    for secret in (setup, token, CAMERA_PASSWORD, METRICS_TOKEN, PASSWORD):
        assert secret not in text
    assert sum(answer.status_code == 200 for answer in answers) > 20


@contextmanager
def logged() -> Iterator[io.StringIO]:
    """Everything that is logged meanwhile, as the app writes it: JSON after the redactor."""
    lines = io.StringIO()
    handler = logging.StreamHandler(lines)
    logging.getLogger().addHandler(handler)
    structlog.configure(
        processors=[structlog.processors.format_exc_info, redact_event, structlog.processors.JSONRenderer()],
        logger_factory=structlog.PrintLoggerFactory(lines),
        cache_logger_on_first_use=False,
    )
    try:
        yield lines
    finally:
        structlog.reset_defaults()
        logging.getLogger().removeHandler(handler)
