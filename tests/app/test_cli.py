"""The command line: results on stdout, one line for an error, and exit codes that mean something."""

import asyncio
import json
import logging
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from typer.testing import CliRunner, Result

from haechi import __version__
from haechi.app.cli import main
from haechi.app.cli.commands import app
from haechi.base.errors import HaechiError
from haechi.camera.virtual.server import VirtualCamera
from haechi.media.rtsp.server import ServerPolicy
from tests.cameras import StreamFeed
from tests.program import Server, environment, haechi
from tests.streams import h264_stream

SECRET = "canary-4711"
COMMANDS = ["", "serve", "demo", "doctor", "check", "replay", "version", "camera", "models", "user"]
COMMANDS += [f"camera {name}" for name in ("add", "list", "test", "remove")]
COMMANDS += [f"models {name}" for name in ("list", "pull", "verify", "import")]
COMMANDS += ["user setup-link"]


class Shell:
    """Runs commands in this process, over a folder of the test's own."""

    def __init__(self, folder: Path) -> None:
        self.env = environment(folder)

    def run(self, *arguments: str, **env: str) -> Result:
        return CliRunner().invoke(app, list(arguments), env={**self.env, **env})

    def fails(self, *arguments: str, **env: str) -> HaechiError:
        """The condition that the command ends with."""
        result = self.run(*arguments, **env)
        assert isinstance(result.exception, HaechiError), result.output
        return result.exception


@pytest.fixture(autouse=True)
def _logs_as_before() -> Iterator[None]:
    """Commands send the logs of this process to their own stderr, which is closed when they end."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(shell: Shell, command: str) -> None:
    result = shell.run(*command.split(), "--help")
    assert result.exit_code == 0
    assert "Usage:" in result.stdout


def test_the_version_is_printed(shell: Shell) -> None:
    assert f"haechi {__version__} (Python" in shell.run("version").stdout


def test_cameras_are_added_listed_and_removed_and_their_passwords_never_shown(shell: Shell) -> None:
    assert "no cameras yet" in shell.run("camera", "list").stdout
    added = shell.run("camera", "add", f"rtsp://ann:{SECRET}@cam.lan/1", "--name", "Yard [red]", "--transport", "udp")
    assert added.exit_code == 0
    camera = added.stdout.split()[1]
    listed = shell.run("camera", "list").stdout
    assert camera in listed
    assert "Yard [red]" in listed
    assert "rtsp://cam.lan/1" in listed
    assert SECRET not in added.output + listed
    assert shell.run("camera", "remove", camera).exit_code == 0
    assert "no cameras yet" in shell.run("camera", "list").stdout


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0x7f.1", "[::1]"])
def test_an_address_that_the_server_will_not_connect_to_is_said_when_it_is_added(shell: Shell, host: str) -> None:
    add = ("camera", "add", f"rtsp://{host}:8554/x")
    refused = shell.run(*add, HAECHI_SOURCES__ALLOW="[]")
    assert refused.exit_code == 0
    assert "sources.allow" in refused.stdout
    assert "will not connect" not in shell.run(*add, HAECHI_SOURCES__ALLOW='["127.0.0.0/8", "::1"]').stdout


def test_the_password_can_come_by_environment_so_that_it_stands_in_no_history(shell: Shell) -> None:
    arguments = ("camera", "add", "rtsp://cam.lan/1", "--username", "ann")
    assert shell.run(*arguments, HAECHI_CAMERA_PASSWORD=SECRET).exit_code == 0
    assert b"ann" in Path(shell.env["HAECHI_DATA_DIR"], "haechi.db").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("camera", "add", "gopher://cam.lan/"), "bad-url"),
        (("camera", "add", "rtsp://"), "bad-url"),
        (("camera", "add", "rtsp://h/", "--transport", "pigeon"), "bad-transport"),
        (("camera", "remove", "cam_nosuch"), "camera-not-found"),
        (("models", "pull", "nosuch"), "model-unknown"),
        (("models", "import", "/nosuch/file.onnx"), "model-file-missing"),
        (("replay", "evt_nosuch"), "event-not-found"),
    ],
)
def test_what_cannot_be_done_is_a_condition_with_a_code(shell: Shell, arguments: tuple[str, ...], code: str) -> None:
    assert shell.fails(*arguments).code == code


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["camera", "add", "gopher://cam.lan/"], 2),
        (["camera", "remove", "cam_nosuch"], 1),
        (["camera", "add"], 2),
        (["nonsense"], 2),
    ],
)
def test_a_failed_command_ends_with_its_exit_code_and_one_line(
    shell: Shell,
    arguments: list[str],
    status: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in shell.env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.argv", ["haechi", *arguments])
    with pytest.raises(SystemExit) as caught:
        main()
    said = capsys.readouterr()
    assert caught.value.code == status
    assert "Traceback" not in said.err
    assert said.out == ""
    assert said.err.strip()


def test_models_are_listed_with_their_licences(shell: Shell) -> None:
    listed = shell.run("models", "list").stdout
    assert "picodet" in listed.lower()
    assert "Apache-2.0" in listed


def test_the_set_up_link_is_for_the_first_user_only(shell: Shell) -> None:
    link = shell.run("user", "setup-link", "--base", "https://haechi.lan/").stdout.strip()
    assert link.startswith("https://haechi.lan/setup")
    assert link.partition("token=")[2]


def test_nothing_recorded_is_sound(shell: Shell) -> None:
    result = shell.run("check", "--level", "hash")
    assert (result.exit_code, result.stdout.strip()) == (0, "0 recordings, 0 fragments, 0 issues")


def test_the_doctor_finds_nothing_bad_and_says_what_it_looked_at(shell: Shell) -> None:
    result = shell.run("doctor")
    assert result.exit_code == 0, result.output
    for what in ("python", "settings", "sqlite", "database", "disk", "port"):
        assert f" {what} " in result.stdout


def test_the_doctor_finds_a_folder_that_is_none(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = shell.run("doctor", HAECHI_DATA_DIR=str(tmp_path / "file" / "data"))
    assert result.exit_code == 1, result.output
    assert "bad" in result.stdout


@pytest.mark.parametrize("command", ["camera list", "serve", "demo", "check"])
def test_a_data_folder_that_cannot_be_made_is_a_wrong_setting(shell: Shell, tmp_path: Path, command: str) -> None:
    (tmp_path / "file").write_text("")
    below = str(tmp_path / "file" / "below")
    error = shell.fails(*command.split(), HAECHI_DATA_DIR=below, HAECHI_CACHE_DIR=below)
    assert error.code == "bad-settings"
    assert "_dir: this folder cannot be made" in error.message


def test_the_doctor_tells_of_a_taken_port(shell: Shell) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        assert f"{port} is taken" in shell.run("doctor", HAECHI_HTTP__PORT=str(port)).stdout


def test_an_address_is_tried_hop_by_hop(tmp_path: Path) -> None:
    policy = ServerPolicy(username="ann", password="right")
    feed = StreamFeed(h264_stream(frames=30, fps=15, gop=10), 60)

    async def tries() -> tuple[Result, Result]:
        async with VirtualCamera({"/live": feed}, policy) as camera:
            arguments = ("camera", "test", camera.url(), "--username", "ann", "--password")
            good = await asyncio.to_thread(Shell(tmp_path).run, *arguments, "right")
            bad = await asyncio.to_thread(Shell(tmp_path).run, *arguments, SECRET)
            return good, bad

    good, bad = asyncio.run(tries())
    assert good.exit_code == 0, good.output
    assert "h264 320x240" in good.stdout
    assert bad.exit_code == 4
    assert "FAIL auth" in bad.stdout
    assert "rtsp-unauthorized" in bad.stdout
    assert SECRET not in bad.output


@pytest.mark.slow
def test_a_wrong_setting_ends_with_three_and_a_server_takes_the_next_port(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("http:\n  prot: 9000\n")
    refused = haechi("serve", env=environment(tmp_path))
    assert refused.returncode == 3
    assert "http.prot" in refused.stderr
    assert "Traceback" not in refused.stderr
    (tmp_path / "config.yaml").unlink()

    async def served(wish: int) -> str:
        server = Server(tmp_path / "log", environment(tmp_path, LOG_FORMAT="json"), "--port", str(wish))
        try:
            await server.start()
            assert await server.end(signal.SIGINT) == 0
        finally:
            server.close()
        return server.address

    with socket.create_server(("127.0.0.1", 0)) as holder:
        wish = holder.getsockname()[1]
        address = asyncio.run(served(wish))
    assert wish < int(address.rpartition(":")[2]) < wish + 20
    logged = [line for line in (tmp_path / "log").read_text().splitlines() if line.startswith("{")]
    assert all(json.loads(line)["level"] for line in logged)


def test_a_camera_that_is_published_is_added_with_its_token_and_gets_a_new_one(shell: Shell) -> None:
    added = shell.run("camera", "add", "whip:", "--name", "Phone")
    assert added.exit_code == 0, added.output
    camera = next(word for word in added.output.split() if word.startswith("cam_"))
    token = next(word for word in added.output.split() if word.startswith("hwt_"))
    assert f"/publish/{camera}#{token}" in added.output
    assert f"/{camera}/whip" in added.output
    again = shell.run("camera", "token", camera)
    assert again.exit_code == 0, again.output
    assert next(word for word in again.output.split() if word.startswith("hwt_")) != token


def test_a_camera_is_looked_at_or_not_by_a_command(shell: Shell) -> None:
    camera = shell.run("camera", "add", "rtsp://cam.lan/1", "--name", "Yard").stdout.split()[1]
    assert "Yard: looked at" in shell.run("camera", "inspect", camera).stdout
    assert "Yard: not looked at" in shell.run("camera", "inspect", camera, "off").stdout
    assert "Yard: not looked at" in shell.run("camera", "inspect", camera).stdout
    assert "Yard: looked at" in shell.run("camera", "inspect", camera, "on").stdout
    assert shell.fails("camera", "inspect", camera, "perhaps").code == "bad-inspection"
    assert shell.fails("camera", "inspect", "cam_nosuch", "off").code == "camera-not-found"
