"""Cameras in this machine, as JSON."""

from haechi.api.shapes.fields import Shape
from haechi.ingest.webcam.devices import Device


class WebcamOut(Shape):
    """One camera. ``address`` is what a camera is added with; ``codes`` says that nothing has to be encoded for it.

    ``problem`` says why nothing more is known of it, null where everything is.
    """

    address: str
    name: str
    formats: list[str]
    sizes: list[str]
    codes: bool
    problem: str | None

    @classmethod
    def of(cls, device: Device) -> "WebcamOut":
        """The shape of a device."""
        return cls(
            address=device.address,
            name=device.name,
            formats=list(device.formats),
            sizes=list(device.sizes),
            codes=device.codes,
            problem=device.problem or None,
        )


class WebcamList(Shape):
    """All of them."""

    webcams: list[WebcamOut]
