"""The smaller stream of a camera, as JSON."""

from typing import Annotated

from pydantic import Field

from haechi.api.shapes.fields import Input, Shape
from haechi.api.shapes.onvif import SubStreamOut


class SubStreamAddress(Input):
    """Its address, on the host of the camera's own, without user and password: they are the camera's."""

    url: Annotated[str, Field(min_length=1, max_length=2000, examples=["rtsp://192.168.1.20/stream2"])]


class SubStreamState(Shape):
    """What is known of it; null: nothing."""

    sub: SubStreamOut | None
