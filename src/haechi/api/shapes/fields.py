"""Kinds of fields that several shapes share."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

LATEST_MS = 4_102_444_800_000
"""2100-01-01: times beyond it are mistakes, and would not fit the database in nanoseconds."""

Ms = Annotated[int, Field(ge=0, le=LATEST_MS, description="Milliseconds since 1970-01-01T00:00Z")]
Name = Annotated[str, Field(min_length=1, max_length=120)]
Unit = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Point = tuple[Unit, Unit]
Box = Annotated[tuple[float, float, float, float], Field(description="x, y, w, h in [0, 1] from the top left")]
Severity = Literal["alert", "detection"]
Nanoseconds = Annotated[str, Field(pattern=r"^\d{1,20}$", description="Exact, as decimal text")]


def row(names: str, *kinds: str) -> WithJsonSchema:
    """Describes a list that stands for an object, where there are thousands of them.

    Args:
        names: What stands in it, in order, with commas between.
        kinds: JSON types that occur.
    """
    count = len(names.split(", "))
    items = {"type": list(kinds) if len(kinds) > 1 else kinds[0]}
    return WithJsonSchema({"type": "array", "items": items, "minItems": count, "maxItems": count, "description": names})


class Shape(BaseModel):
    """What goes out."""

    model_config = ConfigDict(frozen=True)


class Input(BaseModel):
    """What comes in: unknown fields are mistakes, and are refused. Values are not repeated in errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Fault(Shape):
    """Why something does not work."""

    code: str
    message: str
