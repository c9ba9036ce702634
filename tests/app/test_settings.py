"""Settings: flags before environment before file before defaults; a wrong one is named."""

import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from haechi.app.settings import Settings, VisionSettings, load_settings
from haechi.base.errors import Invalid
from haechi.vision.settings import workers_for


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An own ``config.yaml``, which is not there yet, and none of the machine's settings."""

    for name in [name for name in os.environ if name.startswith("HAECHI_")]:
        monkeypatch.delenv(name)
    path = tmp_path / "config.yaml"
    monkeypatch.setenv("HAECHI_CONFIG", str(path))
    return path


def test_without_anything_the_defaults_hold() -> None:
    settings = load_settings()
    assert (settings.http.host, settings.http.port) == ("127.0.0.1", 8300)
    assert settings.record.enabled
    assert settings.record_dir == settings.data_dir / "record"


def test_the_file_is_before_the_defaults(config: Path) -> None:
    config.write_text("http:\n  port: 9001\nrecord:\n  retention_days: 3\ntime_zone: Asia/Seoul\n")
    settings = load_settings()
    assert (settings.http.port, settings.record.retention_days, settings.time_zone) == (9001, 3, "Asia/Seoul")
    assert settings.http.host == "127.0.0.1"


def test_the_environment_is_before_the_file(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config.write_text("http:\n  port: 9001\n  host: 0.0.0.0\n")
    monkeypatch.setenv("HAECHI_HTTP__PORT", "9002")
    assert (load_settings().http.port, load_settings().http.host) == (9002, "0.0.0.0")


def test_a_flag_is_before_the_environment(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config.write_text("log_level: error\n")
    monkeypatch.setenv("HAECHI_LOG_LEVEL", "warning")
    assert load_settings(log_level="debug").log_level == "debug"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("http:\n  prot: 9001\n", "http.prot"),
        ("recrod: {}\n", "recrod"),
        ("http:\n  port: 99999\n", "http.port"),
        ("http:\n  port: often\n", "http.port"),
        ("record:\n  retention_days: 0\n", "record.retention_days"),
        ("log_level: loud\n", "log_level"),
        ("vision:\n  detector: [1, 2]\n", "vision.detector"),
        ("reverse:\n  servers:\n  - address: cams\n    pin: ab\n", "reverse.servers.0"),
    ],
)
def test_a_wrong_setting_in_the_file_is_named_with_the_file(config: Path, text: str, named: str) -> None:
    config.write_text(text)
    with pytest.raises(Invalid) as caught:
        load_settings()
    assert caught.value.code == "bad-settings"
    assert f"setting {named}:" in caught.value.message
    assert caught.value.context["file"] == str(config)


@pytest.mark.parametrize("text", ["http: [", "- a\n- b\n", "just words\n", "\x00\x01", "a: 1\na: &x [*x]\n"])
def test_a_file_that_is_no_mapping_is_a_wrong_setting_not_a_traceback(config: Path, text: str) -> None:
    config.write_text(text)
    with pytest.raises(Invalid) as caught:
        load_settings()
    assert caught.value.code == "bad-settings"


def test_a_file_that_cannot_be_read_is_a_wrong_setting(config: Path) -> None:
    config.write_bytes(b"time_zone: \xff\xfe\n")
    with pytest.raises(Invalid):
        load_settings()
    config.unlink()
    config.mkdir()
    with pytest.raises(Invalid):
        load_settings()


def test_a_wrong_environment_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HAECHI_HTTP__PORT", "http")
    with pytest.raises(Invalid, match=r"setting http\.port"):
        load_settings()


def test_an_environment_variable_that_cannot_be_parsed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HAECHI_HTTP__TRUSTED_PROXIES", "10.0.0.1")
    with pytest.raises(Invalid, match=r'field "http".* JSON') as caught:
        load_settings()
    assert caught.value.code == "bad-settings"


def test_settings_are_frozen_and_each_is_described() -> None:
    settings = load_settings()
    with pytest.raises(ValidationError):
        settings.http.port = 1  # type: ignore[misc]
    for name, field in Settings.model_fields.items():
        assert field.description, name


def test_workers_are_a_number_or_follow_the_processors(tmp_path: Path) -> None:
    assert [workers_for(cores) for cores in (0.5, 1, 2, 3.9, 4, 8, 64)] == [1, 1, 1, 1, 2, 4, 8]
    assert VisionSettings().workers == "auto"
    assert VisionSettings(workers=3).workers == 3
    for wrong in (0, 17, "many"):
        with pytest.raises(ValidationError):
            VisionSettings(workers=wrong)
