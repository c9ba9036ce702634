"""The bootstrap finds packages where pip would, refuses what is not pinned, and says what to do when it fails."""

import base64
import hashlib
import io
import json
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from bootstrap import Failure, ensure_uv, platform_key, unpack_uv, usable, uv_pin, without_absent_places
from pip_settings import PipSettings, config_files, read_settings, shown, uv_environment
from simple_index import FetchError, Pin, Web, fetch

WHEEL = "uv-9.9.9-py3-none-any.whl"


def make_wheel(program: bytes = b"#!/bin/sh\necho uv 9.9.9\n") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("uv-9.9.9.data/scripts/uv", program)
    return buffer.getvalue()


DATA = make_wheel()
PIN = Pin("uv", WHEEL, hashlib.sha256(DATA).hexdigest())


class Index(ThreadingHTTPServer):
    """A package index on loopback: a page a path, who asked with what, and what to answer first."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.pages: dict[str, tuple[str, bytes]] = {}
        self.redirects: dict[str, str] = {}
        self.user: str | None = None
        self.failures = 0
        self.seen: list[tuple[str, str | None]] = []

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"

    @property
    def url(self) -> str:
        return f"http://{self.host}/simple"

    def offer_html(self, href: str = f"../../files/{WHEEL}#sha256=ignored", data: bytes = DATA) -> None:
        page = f'<!DOCTYPE html><html><body><a href="other.whl">other</a><a href="{href}">x</a></body></html>'
        self.pages["/simple/uv/"] = ("text/html; charset=utf-8", page.encode())
        self.pages[f"/files/{WHEEL}"] = ("application/octet-stream", data)


class _Handler(BaseHTTPRequestHandler):
    server: Index

    def do_GET(self) -> None:
        authorization = self.headers.get("Authorization")
        self.server.seen.append((self.path, authorization))
        if self.server.failures > 0:
            self.server.failures -= 1
            self.send_error(503)
        elif self.server.user and authorization != f"Basic {base64.b64encode(self.server.user.encode()).decode()}":
            self.send_error(401)
        elif self.path in self.server.redirects:
            self.send_response(302)
            self.send_header("Location", self.server.redirects[self.path])
            self.end_headers()
        elif self.path in self.server.pages:
            kind, body = self.server.pages[self.path]
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        else:
            self.send_error(404)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Quiet."""


@pytest.fixture
def index() -> Iterator[Index]:
    yield from _serve()


@pytest.fixture
def second_index() -> Iterator[Index]:
    yield from _serve()


def _serve() -> Iterator[Index]:
    server = Index()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def get(settings: PipSettings) -> bytes:
    return fetch(PIN, settings, Web(settings, wait=lambda _: None)).data


def test_a_plain_html_index_is_enough(index: Index) -> None:
    index.offer_html()
    assert get(PipSettings(index.url)) == DATA


def test_a_json_index_is_read(index: Index) -> None:
    listing = {"files": [{"filename": WHEEL, "url": f"/files/{WHEEL}", "hashes": {}}]}
    index.offer_html()
    index.pages["/simple/uv/"] = ("application/vnd.pypi.simple.v1+json", json.dumps(listing).encode())
    assert get(PipSettings(index.url)) == DATA


def test_credentials_in_the_url_go_to_the_index_and_its_files_and_into_no_message(index: Index) -> None:
    index.offer_html()
    index.user = "ann:pa ss"
    url = index.url.replace("http://", "http://ann:pa%20ss@")
    assert get(PipSettings(url)) == DATA
    assert "pa%20ss" not in shown(url)
    with pytest.raises(FetchError, match="401") as caught:
        get(PipSettings(index.url.replace("http://", "http://ann:wrong@")))
    assert "wrong" not in str(caught.value)


def test_credentials_do_not_follow_a_redirect_to_another_host(index: Index, second_index: Index) -> None:
    second_index.offer_html()
    index.redirects["/simple/uv/"] = f"{second_index.url}/uv/"
    assert get(PipSettings(index.url.replace("http://", "http://ann:secret@"))) == DATA
    assert index.seen[0][1] is not None
    assert {authorization for _, authorization in second_index.seen} == {None}


def test_credentials_follow_a_redirect_on_the_same_host(index: Index) -> None:
    index.offer_html()
    index.user = "ann:secret"
    index.pages["/elsewhere/uv/"] = index.pages.pop("/simple/uv/")
    index.redirects["/simple/uv/"] = f"http://{index.host}/elsewhere/uv/"
    assert get(PipSettings(index.url.replace("http://", "http://ann:secret@"))) == DATA


def test_the_extra_index_is_asked_when_the_main_one_lacks_the_file(index: Index, second_index: Index) -> None:
    second_index.offer_html()
    assert get(PipSettings(index.url, extra_indexes=(second_index.url,))) == DATA


def test_a_file_with_another_hash_is_refused_and_the_next_index_is_tried(index: Index, second_index: Index) -> None:
    index.offer_html(data=make_wheel(b"evil"))
    with pytest.raises(FetchError, match="is refused: its SHA-256"):
        get(PipSettings(index.url))
    second_index.offer_html()
    assert get(PipSettings(index.url, extra_indexes=(second_index.url,))) == DATA


def test_an_index_that_stutters_is_asked_again(index: Index) -> None:
    index.offer_html()
    index.failures = 3
    assert get(PipSettings(index.url, retries=3)) == DATA


def test_a_folder_serves_as_an_index(tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / WHEEL).write_bytes(DATA)
    (tmp_path / "simple" / "uv").mkdir(parents=True)
    page = f'<a href="../../files/{WHEEL}#sha256=0">{WHEEL}</a>'
    (tmp_path / "simple" / "uv" / "index.html").write_text(page, encoding="utf-8")
    assert get(PipSettings((tmp_path / "simple").as_uri())) == DATA


def test_find_links_may_be_a_bare_folder(tmp_path: Path) -> None:
    (tmp_path / WHEEL).write_bytes(DATA)
    assert get(PipSettings("", find_links=(str(tmp_path),))) == DATA


def test_an_extra_index_that_does_not_answer_is_told_and_left_out(
    index: Index, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    index.offer_html()
    gone = "http://127.0.0.1:9/simple"
    settings = PipSettings(index.url, (gone, (tmp_path / "absent").as_uri()), retries=0)
    settings = without_absent_places(settings)
    fetched = fetch(PIN, settings, Web(settings, wait=lambda _: None))
    assert fetched.silent == (gone,)
    assert usable(settings, fetched.silent).indexes == (index.url,)
    assert capsys.readouterr().out.count("going on without it") == 2


def test_no_index_at_all_says_what_to_do(tmp_path: Path) -> None:
    pins = tmp_path / "uv.json"
    key = platform_key("x86_64", "glibc 2.36")
    wheels = {name: {"file": WHEEL, "sha256": PIN.sha256} for name in (key, "aarch64-glibc", "x86_64-musl")}
    pins.write_text(json.dumps({"version": "9.9.9", "wheels": wheels}), encoding="utf-8")
    with pytest.raises(Failure, match=r"uv 9\.9\.9 cannot be fetched") as caught:
        ensure_uv(tmp_path / "cache", PipSettings("http://127.0.0.1:9/simple", retries=0), pins)
    assert "PIP_INDEX_URL" in caught.value.remedy


def test_a_platform_without_a_pin_is_told_which_are_supported(tmp_path: Path) -> None:
    pins = tmp_path / "uv.json"
    pins.write_text('{"version": "9.9.9", "wheels": {}}', encoding="utf-8")
    with pytest.raises(Failure, match="riscv64-musl"):
        uv_pin(pins, platform_key("riscv64", ""))


def test_the_program_in_the_wheel_can_be_run(tmp_path: Path) -> None:
    unpack_uv(DATA, tmp_path / "deep" / "uv")
    assert (tmp_path / "deep" / "uv").stat().st_mode & 0o111
    assert (tmp_path / "deep" / "uv").read_bytes().startswith(b"#!/bin/sh")


def test_configuration_files_are_read_in_pips_order_and_the_environment_wins(tmp_path: Path) -> None:
    home, prefix = tmp_path / "home", tmp_path / "prefix"
    (home / ".config" / "pip").mkdir(parents=True)
    (home / ".pip").mkdir()
    prefix.mkdir()
    (home / ".pip" / "pip.conf").write_text("[global]\nindex-url = https://old.example/simple\n", encoding="utf-8")
    (home / ".config" / "pip" / "pip.conf").write_text(
        "[global]\nindex_url = https://user.example/simple\nextra-index-url =\n    https://a.example/simple\n"
        "    https://b.example/simple\ncert = /ca.pem\n[install]\ntrusted-host = a.example b.example\n",
        encoding="utf-8",
    )
    settings = read_settings({}, config_files({}, home, prefix))
    assert settings.index == "https://user.example/simple"
    assert settings.extra_indexes == ("https://a.example/simple", "https://b.example/simple")
    assert settings.trusted_hosts == ("a.example", "b.example")
    env = {"PIP_INDEX_URL": "https://env.example/simple", "PIP_NO_INDEX": ""}
    assert read_settings(env, config_files(env, home, prefix)).index == "https://env.example/simple"
    env = {"PIP_INDEX_URL": "https://env.example/simple", "UV_INDEX": "named=https://uv.example/simple"}
    assert "https://uv.example/simple" in read_settings(env, []).extra_indexes


def test_pip_config_file_overrides_and_dev_null_switches_files_off(tmp_path: Path) -> None:
    chosen = tmp_path / "chosen.conf"
    chosen.write_text("[download]\nindex-url = https://chosen.example/simple\n", encoding="utf-8")
    env = {"PIP_CONFIG_FILE": str(chosen)}
    assert read_settings(env, config_files(env, tmp_path, tmp_path)).index == "https://chosen.example/simple"
    assert config_files({"PIP_CONFIG_FILE": "/dev/null"}, tmp_path, tmp_path) == []


def test_without_any_setting_the_default_index_of_pip_is_used() -> None:
    settings = read_settings({}, [])
    assert settings.source == "default"
    assert settings.index.startswith("https://")
    assert read_settings({"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "/wheels"}, []).indexes == ()


def test_a_broken_configuration_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "pip.conf").write_text("index-url = no section\n", encoding="utf-8")
    with pytest.raises(SystemExit, match="is not a pip configuration"):
        read_settings({}, [tmp_path / "pip.conf"])


def test_uv_is_told_what_pip_is_told() -> None:
    settings = PipSettings(
        "https://u:p@main.example/simple",
        ("https://x.example/simple",),
        ("/wheels",),
        cert="/ca.pem",
        proxy="http://p:1",
    )
    env = uv_environment(settings, {"PATH": "/bin", "UV_INDEX_URL": "https://stale.example"})
    assert env["UV_DEFAULT_INDEX"] == "https://u:p@main.example/simple"
    assert env["UV_INDEX"] == "https://x.example/simple"
    assert env["UV_INDEX_STRATEGY"] == "unsafe-best-match"
    assert env["UV_FIND_LINKS"] == "/wheels"
    assert (env["SSL_CERT_FILE"], env["HTTPS_PROXY"], env["PATH"]) == ("/ca.pem", "http://p:1", "/bin")
    assert "UV_INDEX_URL" not in env
    assert uv_environment(PipSettings(""), {})["UV_NO_INDEX"] == "1"
