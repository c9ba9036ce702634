"""What runs a network: a port with two adapters, OpenVINO (the default on a CPU) and ONNX Runtime."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

Array = NDArray[Any]
"""Any tensor: shape and dtype stand where it is used."""
Pixels = NDArray[np.uint8]
"""A picture: shape (height, width, 3), BGR, 0-255."""
RuntimeName = Literal["openvino", "onnxruntime"]


class GraphSource(Struct, frozen=True):
    """A network on disk, and how much of it to run.

    Attributes:
        path: ``.pdmodel`` (beside its ``.pdiparams``) or ``.onnx``.
        outputs: Names of the tensors to give back; empty: the outputs of the network.
        shapes: Fixed shapes of inputs by name, where the network leaves them open.
        threads: CPU threads, fixed because the order of sums, and so the last bit of a score, depends on it.
    """

    path: Path
    outputs: Sequence[str] = ()
    shapes: Mapping[str, Sequence[int]] = {}
    threads: int = 1


class Runtime(Protocol):
    """A loaded network. Always computes in 32-bit floats, so that scores reproduce."""

    @property
    def version(self) -> str:
        """Name and version of the library, as it enters the configuration hash."""

    def run(self, inputs: Mapping[str, Array]) -> tuple[Array, ...]:
        """One pass: tensors by name in, outputs in the order asked for out."""


def open_runtime(name: RuntimeName, source: GraphSource) -> Runtime:
    """Load a network.

    Raises:
        Unavailable: ``model-unreadable``: this runtime cannot read the file.
    """
    if name == "openvino":
        from haechi.vision.runtime.openvino import OpenVinoRuntime

        return OpenVinoRuntime(source)
    from haechi.vision.runtime.onnx import OnnxRuntime

    return OnnxRuntime(source)
