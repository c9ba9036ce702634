"""ONNX Runtime on the CPU: the second opinion, and the way to other hardware."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as state

from haechi.base.errors import Unavailable
from haechi.vision.runtime import Array, GraphSource

_FAILURES: tuple[type[Exception], ...] = tuple(
    getattr(state, name)
    for name in ("Fail", "InvalidArgument", "InvalidGraph", "InvalidProtobuf", "NoSuchFile", "NotImplemented")
)
"""The library's exceptions have no root of their own."""


class OnnxRuntime:
    """Reads ONNX networks. ``shapes`` must be what the file fixes: this adapter does not reshape."""

    def __init__(self, source: GraphSource) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = source.threads
        options.inter_op_num_threads = 1
        options.use_deterministic_compute = True
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(str(source.path), options, providers=["CPUExecutionProvider"])
        except _FAILURES as error:
            raise Unavailable(
                "ONNX Runtime cannot read the model",
                code="model-unreadable",
                file=source.path.name,
                reason=str(error)[:300],
            ) from error
        self._outputs = list(source.outputs) or [output.name for output in self._session.get_outputs()]

    @property
    def version(self) -> str:
        return f"onnxruntime {onnxruntime.__version__}"

    def run(self, inputs: Mapping[str, Array]) -> tuple[Array, ...]:
        """One pass on the CPU."""
        return tuple(np.asarray(output) for output in self._session.run(self._outputs, dict(inputs)))
