"""The recogniser's last layer cut down to an alphabet.

The layer gives one logit to each of 18,710 characters, most of them Chinese, and takes a fifth of the recogniser's
time. Columns of its matrix are independent of each other, so a model without some of them gives the others the very
same logits; only the softmax after it is taken over fewer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from docmill.ocr import EngineUnavailable

if TYPE_CHECKING:
    import onnx

BLANK = ""
"""The class that CTC puts between characters: always the first."""
SPACE = " "
"""Always the last class."""


@dataclass(frozen=True, slots=True)
class Recogniser:
    """A recogniser's network and what its classes mean."""

    model: bytes
    """ONNX."""
    classes: Sequence[str]
    """`BLANK`, the characters, `SPACE`."""


def cut_head(model: bytes, keep: Callable[[str], bool] | None, characters: str | None = None) -> Recogniser:
    """The recogniser with those of its characters that `keep` wants, and always blank and space; None keeps all.

    `characters` has one a line, for a model whose metadata does not list them.
    Raises `EngineUnavailable` if the model does not end in MatMul, Add and Softmax over the characters that its
    metadata lists.
    """
    import onnx  # noqa: PLC0415  # a third of a second: only those who read pay it

    network = onnx.load_model_from_string(model)
    classes = _classes(network, characters)
    if keep is None:
        return Recogniser(model, classes)
    kept = [index for index, char in enumerate(classes) if char in {BLANK, SPACE} or keep(char)]
    weight, bias = _head(network.graph, len(classes))
    for tensor in (weight, bias):
        values = onnx.numpy_helper.to_array(tensor)
        tensor.CopyFrom(onnx.numpy_helper.from_array(np.ascontiguousarray(values[..., kept]), tensor.name))
    del network.graph.value_info[:]  # shapes of what lies between; they are inferred again
    last = network.graph.output[0].type.tensor_type.shape.dim[-1]
    last.dim_value = len(kept)
    return Recogniser(network.SerializeToString(), [classes[index] for index in kept])


def _classes(network: onnx.ModelProto, characters: str | None) -> list[str]:
    """From the metadata `character` if they are not given: one character a line."""
    listed = [entry.value for entry in network.metadata_props if entry.key == "character"]
    for lines in (characters, *listed):
        if lines is not None:
            return [BLANK, *lines.removesuffix("\n").split("\n"), SPACE]
    raise EngineUnavailable("The recogniser's model has no metadata `character`: it is none that docmill can use")


def _head(graph: onnx.GraphProto, classes: int) -> tuple[onnx.TensorProto, onnx.TensorProto]:
    """The matrix and the bias of the last layer, their last axis being the classes."""
    makers = {output: node for node in graph.node for output in node.output}
    constants = {tensor.name: tensor for tensor in graph.initializer}

    def maker(name: str, kind: str) -> onnx.NodeProto | None:
        node = makers.get(name)
        while node is not None and node.op_type == "Identity":
            node = makers.get(node.input[0])
        return node if node is not None and node.op_type == kind else None

    softmax = maker(graph.output[0].name, "Softmax")
    add = maker(softmax.input[0], "Add") if softmax is not None else None
    matmul = next((node for name in add.input if (node := maker(name, "MatMul"))), None) if add is not None else None
    if add is not None and matmul is not None:
        bias = next((constants[name] for name in add.input if name in constants), None)
        weight = next((constants[name] for name in matmul.input if name in constants), None)
        if bias is not None and weight is not None and weight.dims[-1] == bias.dims[-1] == classes:
            return weight, bias
    raise EngineUnavailable("The recogniser's model does not end as PP-OCR's do: it is none that docmill can use")
