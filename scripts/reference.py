"""Writes docs/ref/{errors,metrics,cli,settings}.md from the code, so that they cannot drift from it.

python scripts/reference.py            write
python scripts/reference.py --check    say what is out of date (tests/house does the same)
"""

from __future__ import annotations

import argparse
import ast
import importlib
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "haechi"
REF = ROOT / "docs" / "ref"
_HTTP = {
    "Invalid": 422,
    "Denied": 403,
    "NotFound": 404,
    "Conflict": 409,
    "Unavailable": 503,
    "PeerError": 502,
    "DataLoss": 500,
}
_FAMILY = "MetricFamily"
_METRICS = tuple(f"{kind}{family}" for kind in ("Counter", "Gauge", "Histogram", "Summary") for family in ("", _FAMILY))


def modules() -> Iterator[tuple[str, ast.Module]]:
    """Dotted name and syntax tree of every module of the package, in order."""
    for path in sorted(SOURCE.rglob("*.py")):
        name = ".".join(path.relative_to(SOURCE.parent).with_suffix("").parts).removesuffix(".__init__")
        yield name, ast.parse(path.read_text(encoding="utf-8"), str(path))


def sentence(node: ast.expr | None) -> str:
    """The text of a literal or an f-string, with ``{name}`` where a value goes in; empty for anything else."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        parts = [p.value if isinstance(p, ast.Constant) else "{…}" for p in node.values]
        return "".join(str(part) for part in parts)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return sentence(node.left) + sentence(node.right)
    return ""


def literals(node: ast.expr) -> list[str]:
    """The strings that an expression can be: a literal, or either side of a conditional."""
    if isinstance(node, ast.IfExp):
        return literals(node.body) + literals(node.orelse)
    return [node.value] if isinstance(node, ast.Constant) and isinstance(node.value, str) else []


def callee(call: ast.Call) -> str:
    """The last name of what is called: ``Invalid`` for both ``Invalid(...)`` and ``errors.Invalid(...)``."""
    if isinstance(call.func, ast.Name):
        return call.func.id
    return call.func.attr if isinstance(call.func, ast.Attribute) else ""


def error_codes() -> dict[str, tuple[set[str], set[str], set[str]]]:
    """Per code: the conditions (classes), the sentences, the packages that raise it."""
    found: dict[str, tuple[set[str], set[str], set[str]]] = {}

    def note(code: str, condition: str, text: str, module: str) -> None:
        conditions, sentences, rooms = found.setdefault(code, (set(), set(), set()))
        conditions.update([condition] if condition in _HTTP else [])
        sentences.update([text] if text else [])
        rooms.add(".".join(module.split(".")[1:2]) or "haechi")

    for module, tree in modules():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                for code in _default_codes(node):
                    note(code, node.name, (ast.get_docstring(node) or "").partition("\n")[0], module)
            elif isinstance(node, ast.Call):
                given = [keyword.value for keyword in node.keywords if keyword.arg == "code"]
                for code in [text for value in given for text in literals(value)]:
                    note(code, callee(node), sentence(node.args[0] if node.args else None), module)
    return found


def _default_codes(node: ast.ClassDef) -> list[str]:
    assigned = [statement for statement in node.body if isinstance(statement, ast.Assign)]
    named = [s for s in assigned if ast.unparse(s.targets[0]) == "default_code"]
    return [text for statement in named for text in literals(statement.value)]


def errors_page() -> str:
    """docs/ref/errors.md"""
    lines = [
        "# Errors",
        "",
        "Every error has a stable code. The API answers `application/problem+json` (RFC 9457) with the code, a",
        "sentence for a person and the facts; log and screen carry the same code. `{…}` stands for a fact.",
        "",
        "| code | condition (HTTP status) | what it says | where |",
        "|---|---|---|---|",
    ]
    for code, (conditions, sentences, rooms) in sorted(error_codes().items()):
        kinds = ", ".join(f"{name} ({_HTTP[name]})" for name in sorted(conditions)) or "-"
        says = " / ".join(sorted(sentences)).replace("|", "\\|") or "-"
        lines.append(f"| `{code}` | {kinds} | {says} | {', '.join(sorted(rooms))} |")
    return "\n".join(lines) + "\n"


def metrics() -> list[tuple[str, str, str, str]]:
    """Name, kind, labels and description of every metric that a module defines."""
    found = []
    for _, tree in modules():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and callee(node) in _METRICS and len(node.args) >= 2:
                name, text = sentence(node.args[0]), sentence(node.args[1])
                named = next((word.value for word in node.keywords if word.arg == "labels"), None)
                labels = node.args[2] if len(node.args) > 2 else named
                names = (
                    [t for e in labels.elts for t in literals(e)] if isinstance(labels, ast.List | ast.Tuple) else []
                )
                if name.startswith("haechi_"):
                    found.append((name, callee(node).removesuffix(_FAMILY).lower(), ", ".join(names), text))
    return sorted(set(found))


def metrics_page() -> str:
    """docs/ref/metrics.md"""
    lines = [
        "# Metrics",
        "",
        "`GET /metrics` answers in the Prometheus text format. Counters end in `_total`.",
        "",
        "| name | kind | labels | what it counts |",
        "|---|---|---|---|",
    ]
    lines += [f"| `{name}` | {kind} | {labels or '-'} | {text} |" for name, kind, labels, text in metrics()]
    return "\n".join(lines) + "\n"


def cli_page() -> str | None:
    """docs/ref/cli.md, or None as long as there is no command line."""
    if importlib.util.find_spec("haechi.app") is None or importlib.util.find_spec("haechi.app.cli") is None:
        return None
    typer_main = importlib.import_module("typer.main")
    root: Any = typer_main.get_command(importlib.import_module("haechi.app.cli.commands").app)
    lines = ["# Command line", "", "Every command prints its help with `--help`.", ""]
    lines += _command("haechi", root)
    return "\n".join(lines).rstrip() + "\n"


def _command(path: str, command: Any) -> Iterator[str]:
    subcommands: dict[str, Any] = getattr(command, "commands", {})
    if getattr(command, "hidden", False):
        return
    if not subcommands or path == "haechi":
        yield from (f"## `{path}`", "", " ".join((command.help or "").split()), "")
        rows = [_parameter(p) for p in command.params if not getattr(p, "hidden", False)]
        if rows:
            yield from ("| argument or option | what it does |", "|---|---|", *rows, "")
    for name in sorted(subcommands):
        yield from _command(f"{path} {name}", subcommands[name])


def _parameter(parameter: Any) -> str:
    is_option = bool(parameter.opts) and parameter.opts[0].startswith("-")
    name = " ".join([*parameter.opts, *parameter.secondary_opts]) if is_option else str(parameter.name).upper()
    text = " ".join((getattr(parameter, "help", None) or "").split()).replace("|", "\\|")
    return f"| `{name}` | {text} |"


def settings_page() -> str | None:
    """docs/ref/settings.md, or None as long as there are no settings."""
    if importlib.util.find_spec("haechi.app") is None or importlib.util.find_spec("haechi.app.settings") is None:
        return None
    model: Any = importlib.import_module("haechi.app.settings").Settings
    lines = [
        "# Settings",
        "",
        "Read once at start. Strongest first: command-line flags, the environment, `config.yaml`, the default.",
        "Cameras, zones and rules are no settings: they are data, changed while the server runs.",
        "",
        "| name | environment | default | what it does |",
        "|---|---|---|---|",
    ]
    lines += _settings(model, "", str(model.model_config.get("env_prefix", "")))
    return "\n".join(lines) + "\n"


def _settings(model: Any, path: str, variable: str) -> Iterator[str]:
    for name, field in sorted(model.model_fields.items()):
        if hasattr(field.annotation, "model_fields"):
            yield from _settings(field.annotation, f"{path}{name}.", f"{variable}{name}__")
            continue
        default = "-" if field.is_required() else ("(computed)" if field.default_factory else f"`{field.default!r}`")
        text = " ".join((field.description or "").split()).replace("|", "\\|")
        yield f"| `{path}{name}` | `{(variable + name).upper()}` | {default} | {text} |"


def pages() -> dict[str, str]:
    """File name and content of each page that can be written now."""
    made = {
        "errors.md": errors_page(),
        "metrics.md": metrics_page(),
        "cli.md": cli_page(),
        "settings.md": settings_page(),
    }
    return {name: text for name, text in made.items() if text is not None}


def main(arguments: list[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(description="Writes docs/ref from the code.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a page is out of date")
    check: bool = parser.parse_args(arguments).check
    stale = []
    for name, text in pages().items():
        path = REF / name
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            stale.append(name)
            if not check:
                path.write_text(text, encoding="utf-8")
    if stale:
        print(f"docs/ref: {', '.join(stale)} {'out of date: run make docs' if check else 'written'}")
    return 1 if stale and check else 0


if __name__ == "__main__":
    sys.exit(main())
