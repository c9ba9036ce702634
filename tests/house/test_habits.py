"""The habits of the house. A rule that nothing checks is a wish."""

import ast
import json
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import check_size
import reference

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "haechi"
TEXT = {
    ".py",
    ".ts",
    ".tsx",
    ".js",
    ".mjs",
    ".css",
    ".html",
    ".md",
    ".toml",
    ".json",
    ".lock",
    ".sh",
    ".yaml",
    ".yml",
    "",
}
REGISTRIES = [
    "py" + "pi.org",
    "python" + "hosted",
    "npm" + "js",
    "yarn" + "pkg",
    "deb.debi" + "an",
    "conda." + "anaconda",
]
MACHINE = [rf"/{name}/[a-z]" for name in ("wo" + "rk", "tm" + "p", "ro" + "ot", r"ho" + r"me/[a-z]+")]
VAGUE = {"utils", "util", "helpers", "helper", "common", "const", "constants", "misc", "managers", "manager"}


def tracked() -> Iterator[tuple[str, str]]:
    """Name and text of every text file that git knows."""
    names = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    for name in names:
        path = ROOT / name
        if path.suffix in TEXT and path.is_file():
            yield name, path.read_text(encoding="utf-8", errors="replace")


def trees() -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted(SOURCE.rglob("*.py")):
        yield path, ast.parse(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", ["errors.md", "metrics.md", "cli.md", "settings.md"])
def test_every_error_metric_command_and_setting_is_documented(page: str) -> None:
    written = reference.pages().get(page)
    if written is None:
        pytest.skip(f"the program has no part yet that {page} would describe")
    path = reference.REF / page
    assert path.is_file(), "run make docs"
    assert path.read_text(encoding="utf-8") == written, "out of date: run make docs"


def test_every_error_code_reads_like_one_and_says_something() -> None:
    for code, (_, sentences, _) in reference.error_codes().items():
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", code), code
        assert sentences or code, code


def test_every_metric_has_the_name_of_the_house_and_a_description() -> None:
    for name, kind, _, text in reference.metrics():
        assert text, name
        assert (kind == "counter") == name.endswith("_total"), f"{name}: counters, and only they, end in _total"


def test_no_file_names_a_package_registry_or_a_path_of_one_machine() -> None:
    forbidden = re.compile("|".join([re.escape(host) for host in REGISTRIES] + MACHINE))
    found = [f"{name}: {hit.group()}" for name, text in tracked() if (hit := forbidden.search(text))]
    assert found == []


def test_locks_hold_a_hash_for_every_package_and_no_address() -> None:
    for lock in (ROOT / "requirements").glob("*.lock"):
        text = lock.read_text(encoding="utf-8")
        assert "://" not in text, lock.name
        for block in re.split(r"\n(?=\S)", text.strip()):
            assert re.match(r"[a-z0-9-]+==", block), f"{lock.name}: {block[:60]}"
            assert "--hash=sha256:" in block, f"{lock.name}: {block[:60]}"


def test_every_dependency_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = {
        "runtime": [*project["project"]["dependencies"], *project["project"]["optional-dependencies"]["demo"]],
        "dev": [item for item in project["dependency-groups"]["dev"] if isinstance(item, str)],
    }
    for profile, requirements in wanted.items():
        text = (ROOT / "requirements" / f"{profile}.lock").read_text(encoding="utf-8")
        locked = set(re.findall(r"^([a-z0-9-]+)==", text, re.MULTILINE))
        names = {re.split(r"[<>=!~;\[ ]", item)[0].lower().replace("_", "-").replace(".", "-") for item in requirements}
        assert names - locked == set(), f"run make lock ({profile})"


def test_the_front_ends_lock_fits_its_package_file_and_holds_a_hash_for_everything() -> None:
    package = json.loads((ROOT / "ui" / "package.json").read_text(encoding="utf-8"))
    packages = json.loads((ROOT / "ui" / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    for kind in ("dependencies", "devDependencies"):
        assert packages[""].get(kind, {}) == package.get(kind, {}), "run npm install in ui/"
    assert [name for name, entry in packages.items() if name and "integrity" not in entry] == []
    assert [name for name, entry in packages.items() if "resolved" in entry] == []


def test_the_wheel_of_uv_is_pinned_for_every_platform_that_we_support() -> None:
    pins = json.loads((ROOT / "requirements" / "uv.json").read_text(encoding="utf-8"))
    assert set(pins["wheels"]) == {"x86_64-glibc", "aarch64-glibc", "x86_64-musl", "aarch64-musl"}
    for wheel in pins["wheels"].values():
        assert re.fullmatch(r"[0-9a-f]{64}", wheel["sha256"])
        assert wheel["file"].startswith(f"uv-{pins['version']}-")


def test_a_new_top_level_package_must_be_placed_in_a_layer() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contract = next(c for c in project["tool"]["importlinter"]["contracts"] if c["type"] == "layers")
    placed = {name.strip(" ()") for layer in contract["layers"] for name in layer.split("|")}
    packages = {path.parent.name for path in SOURCE.glob("*/__init__.py")}
    assert contract["exhaustive"] is True
    assert packages - placed == set()


def test_folders_and_files_say_what_the_product_does() -> None:
    paths = [path for path in SOURCE.rglob("*") if path.suffix == ".py" or path.is_dir()]
    vague = {str(p.relative_to(SOURCE)) for p in paths if p.stem in VAGUE} - {"ingest/manager.py"}
    assert vague == set()


def test_every_package_says_in_one_line_what_it_is() -> None:
    for path, tree in trees():
        if path.name == "__init__.py" and "migrations" not in path.parts:
            assert ast.get_docstring(tree), f"{path.relative_to(ROOT)} has no docstring"


def test_programs_are_started_in_one_module_only() -> None:
    starters = re.compile(r"create_subprocess_(exec|shell)|posix_spawnp?|spawn[lv]p?e?|exec[lv]p?e?|popen|system")
    for path, tree in trees():
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
        attributes = [call.func for call in calls if isinstance(call.func, ast.Attribute)]
        used = [
            f"{path.relative_to(ROOT)}:{a.lineno} {a.attr}"
            for a in attributes
            if starters.fullmatch(a.attr) and isinstance(a.value, ast.Name) and a.value.id in ("os", "asyncio")
        ]
        assert not used or path == SOURCE / "base" / "process.py", used


def test_nothing_is_left_unfinished_and_nothing_is_mocked() -> None:
    words = re.compile(
        r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "NotImplemented" + "Error", "Magic" + "Mock"]) + r")\b"
    )
    found = [
        f"{name}: {hit.group()}"
        for name, text in tracked()
        if name.endswith((".py", ".ts", ".tsx"))
        if (hit := words.search(text))
    ]
    assert found == []


def test_no_file_is_too_long() -> None:
    assert check_size.too_long(check_size.tracked(ROOT)) == []


def test_links_between_the_documents_lead_somewhere() -> None:
    broken = [f"{name} -> {target}" for name, target in links() if not ((ROOT / name).parent / target).exists()]
    assert broken == []


def links() -> Iterator[tuple[str, str]]:
    """Page and target of every link in a document that stays inside the repository."""
    for name, text in tracked():
        if name.endswith(".md"):
            for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
                if "://" not in target and not target.startswith("mailto:"):
                    yield name, target
