"""``haechi upload``: films handed over on the command line are taken in by the server of the same database."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from typer.testing import CliRunner

from haechi.app.cli.commands import app
from haechi.base.errors import HaechiError
from tests.containers import write_film
from tests.server import running, settings_for

pytestmark = pytest.mark.slow


def upload(folder: Path, *arguments: str) -> tuple[int, str]:
    """The exit code and what was printed; a condition of ours as its code."""
    environment = {"HAECHI_DATA_DIR": str(folder / "data"), "HAECHI_CONFIG": str(folder / "none.yaml")}
    done = CliRunner().invoke(app, ["upload", *arguments], env=environment)
    if isinstance(done.exception, HaechiError):
        return 2, done.exception.code
    return done.exit_code, done.output


def test_a_film_that_is_handed_over_is_taken_in_when_a_server_runs(tmp_path: Path) -> None:
    film = write_film(tmp_path / "market square.mp4")
    code, said = upload(tmp_path, "--no-wait", "--filmed", "2024-02-29T12:30:00+00:00", str(film))
    assert (code, "handed over" in said, "market square" in said) == (0, True, True)

    async def work() -> None:
        async with running(settings_for(tmp_path, vision=False)) as house:
            later = asyncio.create_task(asyncio.to_thread(upload, tmp_path, "--name", "Second", str(film)))
            code, said = await later
            assert (code, "taken in" in said, "Second" in said) == (0, True, True)
            films = (await house.http.get("/api/films")).json()["films"]
            assert [(one["name"], one["state"]) for one in films] == [("Second", "done"), ("market square", "done")]
            assert films[1]["start_ms"] == 1_709_209_800_000

    asyncio.run(work())


def test_what_cannot_be_taken_in_is_said(tmp_path: Path) -> None:
    assert upload(tmp_path, str(tmp_path / "nothing.mp4")) == (2, "no-such-file")
    assert upload(tmp_path, "--filmed", "yesterday", "x.mp4") == (2, "bad-time")
    assert upload(tmp_path, "https://example.org/film") == (2, "site-not-allowed")
