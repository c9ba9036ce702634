"""OpenVINO on the CPU, pinned to 32-bit floats: it would pick bf16 by itself where the processor has it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import openvino

from haechi.base.errors import Unavailable
from haechi.vision.runtime import Array, GraphSource


class OpenVinoRuntime:
    """Reads PaddlePaddle and ONNX networks as published."""

    def __init__(self, source: GraphSource) -> None:
        core = openvino.Core()
        options = {
            "INFERENCE_PRECISION_HINT": "f32",
            "INFERENCE_NUM_THREADS": source.threads,
            "NUM_STREAMS": 1,
            "PERFORMANCE_HINT": "LATENCY",
        }
        try:
            model = core.read_model(str(source.path))
            if source.outputs:
                model = _cut(model, source.outputs)
            if source.shapes:
                model.reshape({name: list(shape) for name, shape in source.shapes.items()})
            self._compiled = core.compile_model(model, "CPU", options)
        except RuntimeError as error:
            raise Unavailable(
                "OpenVINO cannot read the model",
                code="model-unreadable",
                file=source.path.name,
                reason=str(error)[:300],
            ) from error

    @property
    def version(self) -> str:
        return f"openvino {openvino.__version__}"

    def run(self, inputs: Mapping[str, Array]) -> tuple[Array, ...]:
        """One pass on the CPU. The outputs are copies: the next pass does not change them."""
        outputs = self._compiled(dict(inputs))
        return tuple(np.array(outputs[port]) for port in self._compiled.outputs)


def _cut(model: openvino.Model, names: Sequence[str]) -> openvino.Model:
    """The part of a network that leads to the tensors ``names``."""
    ports = {name: port for op in model.get_ordered_ops() for port in op.outputs() for name in port.get_names()}
    missing = [name for name in names if name not in ports]
    if missing:
        raise Unavailable("the network has no such tensor", code="model-unreadable", tensor=missing[0])
    return openvino.Model([ports[name] for name in names], model.get_parameters())
