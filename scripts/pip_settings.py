"""What pip is told on this machine, read without pip: where packages come from, which certificates, which proxies.

Order as in pip: configuration files (global, user, site, then ``PIP_CONFIG_FILE``), over them the environment.
Variables that speak to uv (``UV_DEFAULT_INDEX``, ``UV_INDEX``, ...) go first, because uv is what installs.
"""

from __future__ import annotations

import configparser
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from urllib.request import url2pathname

_SECTIONS = ("global", "download", "install")
_SINGLE = ("index-url", "no-index", "cert", "proxy", "timeout", "retries")
_MANY = ("extra-index-url", "find-links", "trusted-host")
_DEFAULT_INDEX = "https://" + ".".join(("py" + "pi", "org")) + "/simple"
"""What pip and uv use when nobody says otherwise. Put together here, and nowhere else, because no file of this
repository names a registry host: the same clone has to work where that host is not reached."""


@dataclass(frozen=True)
class PipSettings:
    """Where packages come from.

    Attributes:
        index: The main index, a URL that may carry credentials; empty when pip was told to use none.
        extra_indexes, find_links: Further places, in order. ``find_links`` are folders, pages or ``file:`` URLs.
        source: Where ``index`` was found, for people.
    """

    index: str
    extra_indexes: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()
    cert: str = ""
    proxy: str = ""
    trusted_hosts: tuple[str, ...] = ()
    timeout_s: float = 30.0
    retries: int = 4
    source: str = "default"

    @property
    def indexes(self) -> tuple[str, ...]:
        return (self.index, *self.extra_indexes) if self.index else self.extra_indexes


def config_files(env: Mapping[str, str], home: Path, prefix: Path) -> list[Path]:
    """pip's configuration files, weakest first. ``PIP_CONFIG_FILE=/dev/null`` switches all of them off."""
    chosen = env.get("PIP_CONFIG_FILE", "")
    if chosen == os.devnull:
        return []
    xdg_dirs = env.get("XDG_CONFIG_DIRS") or "/etc/xdg"
    files = [Path(folder) / "pip" / "pip.conf" for folder in reversed(xdg_dirs.split(os.pathsep))]
    files.append(Path("/etc/pip.conf"))
    files.append(home / ".pip" / "pip.conf")
    files.append(Path(env.get("XDG_CONFIG_HOME") or home / ".config") / "pip" / "pip.conf")
    files.append(prefix / "pip.conf")
    if chosen:
        files.append(Path(chosen).expanduser())
    return files


def read_settings(env: Mapping[str, str], files: list[Path]) -> PipSettings:
    """Merge the files and the environment, the strongest last."""
    single: dict[str, tuple[str, str]] = {}
    many: dict[str, list[str]] = {name: [] for name in _MANY}
    for path in files:
        _read_file(path, single, many)
    _read_environment(env, single, many)
    index, source = single.get("index-url", (_DEFAULT_INDEX, "default"))
    if _is_true(single.get("no-index", ("", ""))[0]):
        index, source = "", "no-index"
        many["extra-index-url"] = []
    cert = env.get("SSL_CERT_FILE", "") or single.get("cert", ("", ""))[0] or env.get("REQUESTS_CA_BUNDLE", "")
    return PipSettings(
        index=index,
        extra_indexes=tuple(url for url in many["extra-index-url"] if url != index),
        find_links=tuple(many["find-links"]),
        cert=cert,
        proxy=single.get("proxy", ("", ""))[0],
        trusted_hosts=tuple(many["trusted-host"]),
        timeout_s=_number(single.get("timeout", ("", ""))[0], 30.0),
        retries=int(_number(single.get("retries", ("", ""))[0], 4)),
        source=source,
    )


def machine_settings() -> PipSettings:
    """The settings of the user who runs this."""
    return read_settings(os.environ, config_files(os.environ, Path.home(), Path(sys.prefix)))


def shown(url: str) -> str:
    """``url`` without user name and password, for messages."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))


def local_path(place: str) -> Path | None:
    """The folder or file that ``place`` names when it is on this machine, else None."""
    parts = urlsplit(place)
    if parts.scheme == "file":
        return Path(url2pathname(parts.path))
    return Path(place).expanduser() if parts.scheme == "" else None


def uv_environment(settings: PipSettings, env: Mapping[str, str]) -> dict[str, str]:
    """``env`` with what pip is told put into uv's words (uv reads no pip configuration).

    With more than one index uv asks the first that knows a package; pip takes the best of all. Every package is pinned
    by hash here, so taking the best of all is safe.
    """
    result = {name: value for name, value in env.items() if name not in ("UV_INDEX_URL", "UV_EXTRA_INDEX_URL")}
    result["UV_PYTHON_DOWNLOADS"] = "never"
    result["UV_NO_CONFIG"] = "1"
    result.setdefault("UV_SYSTEM_CERTS", "1")
    result["UV_HTTP_TIMEOUT"] = str(int(max(settings.timeout_s, 60)))
    if settings.index:
        result["UV_DEFAULT_INDEX"] = settings.index
    else:
        result["UV_NO_INDEX"] = "1"
    result["UV_INDEX"] = " ".join(settings.extra_indexes)
    if settings.extra_indexes:
        result["UV_INDEX_STRATEGY"] = "unsafe-best-match"
    if settings.find_links:
        result["UV_FIND_LINKS"] = ",".join(settings.find_links)
    if settings.cert:
        result["SSL_CERT_FILE"] = settings.cert
    if settings.trusted_hosts:
        result["UV_INSECURE_HOST"] = " ".join(settings.trusted_hosts)
    if settings.proxy:
        result.setdefault("HTTPS_PROXY", settings.proxy)
        result.setdefault("HTTP_PROXY", settings.proxy)
    return {name: value for name, value in result.items() if value or name not in ("UV_INDEX", "UV_FIND_LINKS")}


def _read_file(path: Path, single: dict[str, tuple[str, str]], many: dict[str, list[str]]) -> None:
    if not path.is_file():
        return
    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read_string(path.read_text(encoding="utf-8", errors="replace"))
    except configparser.Error as error:
        raise SystemExit(f"error: {path} is not a pip configuration: {error.message.splitlines()[0]}") from error
    for section in _SECTIONS:
        if parser.has_section(section):
            for key, value in parser.items(section):
                _take(key.lower().replace("_", "-").lstrip("-"), value, str(path), single, many)


def _read_environment(env: Mapping[str, str], single: dict[str, tuple[str, str]], many: dict[str, list[str]]) -> None:
    for name in (*_SINGLE, *_MANY):
        variable = "PIP_" + name.upper().replace("-", "_")
        if env.get(variable):
            _take(name, env[variable], variable, single, many)
    if env.get("PIP_DEFAULT_TIMEOUT"):
        _take("timeout", env["PIP_DEFAULT_TIMEOUT"], "PIP_DEFAULT_TIMEOUT", single, many)
    for variable in ("UV_INDEX_URL", "UV_DEFAULT_INDEX"):
        if env.get(variable):
            single["index-url"] = (_without_name(env[variable]), variable)
    for variable in ("UV_EXTRA_INDEX_URL", "UV_INDEX"):
        many["extra-index-url"] += [_without_name(url) for url in env.get(variable, "").split()]
    many["find-links"] += [place for place in env.get("UV_FIND_LINKS", "").split(",") if place]
    if _is_true(env.get("UV_NO_INDEX", "")):
        single["no-index"] = ("1", "UV_NO_INDEX")


def _take(key: str, value: str, source: str, single: dict[str, tuple[str, str]], many: dict[str, list[str]]) -> None:
    if key in _SINGLE and value.strip():
        single[key] = (value.strip(), source)
    elif key in _MANY:
        many[key] = value.split()


def _without_name(url: str) -> str:
    """uv lets an index be ``name=https://...``."""
    name, equals, rest = url.partition("=")
    return rest if equals and "/" not in name and ":" not in name else url


def _is_true(text: str) -> bool:
    return text.strip().lower() in ("1", "true", "yes", "on")


def _number(text: str, default: float) -> float:
    try:
        return float(text)
    except ValueError:
        return default
