"""Tables as comma-separated text."""

import csv
import io
from collections.abc import Iterable, Sequence

CSV = {200: {"content": {"text/csv": {"schema": {"type": "string"}}}}}
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def csv_text(rows: Iterable[Sequence[object]]) -> str:
    """Rows as lines."""
    out = io.StringIO()
    csv.writer(out).writerows([_inert(cell) for cell in row] for row in rows)
    return out.getvalue()


def _inert(cell: object) -> object:
    """A name is no formula, whatever a table program thinks of its first character."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell
