"""The detector's last layers in the shape that is cheap to compute, up to the logits.

PP-OCR's detectors bring a map of a quarter of the picture's size to its full size by two transposed convolutions, whose
strides are as wide as their kernels. Each pixel of the small map thus decides over sixteen of the large one and over no
others: the same numbers are two convolutions of single pixels, to 4 x 16 and to 16 channels, which are then laid out as
4 x 4 blocks (Shi et al., Real-Time Single Image and Video Super-Resolution, CVPR 2016, section 3). The sigmoid at the
end is left to the caller, who needs it for a few pixels. As the model has them, both take a third of its time.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from docmill.ocr import EngineUnavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    import onnx
    from numpy.typing import NDArray

_TAIL = ("ConvTranspose", "Add", "Relu", "ConvTranspose", "Add")


def to_logits(model: bytes) -> bytes:
    """A detector (ONNX) that ends in a sigmoid as one that gives the sigmoid's input, of the shape (1, 1, height, width).

    A model whose upsampling is built otherwise keeps it as it is.
    Raises `EngineUnavailable` if the model does not end in a sigmoid.
    """
    import onnx  # noqa: PLC0415  # a third of a second: only those who read pay it

    network = onnx.load_model_from_string(model)
    graph = network.graph
    if not graph.node or graph.node[-1].op_type != "Sigmoid":
        raise EngineUnavailable("The detector's model does not end as PP-OCR's do: it is none that docmill can use")
    sigmoid, logits = graph.node.pop(), graph.output[0].name
    if not _flatten(graph, logits):
        graph.node.append(onnx.helper.make_node("Identity", sigmoid.input, [logits]))
    return bytes(network.SerializeToString())


def _flatten(graph: onnx.GraphProto, logits: str) -> bool:
    """Replaces the transposed convolutions at the graph's end; whether they are there."""
    from onnx import helper, numpy_helper  # noqa: PLC0415  # see `to_logits`

    tail = graph.node[-len(_TAIL) :]
    if tuple(node.op_type for node in tail) != _TAIL or not _is_chain(tail):
        return False
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    first, first_bias, _, second, last_bias = tail
    inputs = [node.input[1] for node in (first, first_bias, second, last_bias)]
    if not constants.keys() >= set(inputs):
        return False
    weights = [constants[name] for name in inputs]
    if not (_doubles(first, weights[0]) and _doubles(second, weights[2]) and weights[2].shape[1] == 1):
        return False
    made = _as_pixels(*weights)
    names = [f"docmill.{name}" for name in ("weight", "bias", "last.weight", "last.bias")]
    graph.initializer.extend(map(numpy_helper.from_array, made, names))
    begin = first.input[0]
    del graph.node[-len(_TAIL) :]
    graph.node.extend(
        [
            helper.make_node("Conv", [begin, *names[:2]], ["docmill.wide"]),
            helper.make_node("Relu", ["docmill.wide"], ["docmill.positive"]),
            helper.make_node("Conv", ["docmill.positive", *names[2:]], ["docmill.blocks"]),
            helper.make_node("DepthToSpace", ["docmill.blocks"], [logits], blocksize=4),
        ]
    )
    return True


def _is_chain(nodes: Sequence[onnx.NodeProto]) -> bool:
    return all(node.output[0] == after.input[0] for node, after in pairwise(nodes))


def _doubles(node: onnx.NodeProto, weight: NDArray[np.float32]) -> bool:
    """Whether it is a transposed convolution that makes 2 x 2 pixels of each, from nothing else."""
    lists = {attribute.name: list(attribute.ints) for attribute in node.attribute}
    groups = next((attribute.i for attribute in node.attribute if attribute.name == "group"), 1)
    apart = lists.get("strides") == [2, 2] and not any(lists.get("pads", [])) and groups == 1
    return apart and "output_padding" not in lists and weight.shape[2:] == (2, 2)


def _as_pixels(
    first: NDArray[np.float32],
    first_bias: NDArray[np.float32],
    second: NDArray[np.float32],
    last_bias: NDArray[np.float32],
) -> list[NDArray[np.float32]]:
    """Weights and biases of both convolutions of single pixels, from those of the transposed ones (in, out, 2, 2).

    The middle's channels are ordered by place (row, column) and then as they were; the last ones by row and column of
    the 4 x 4 block.
    """
    channels = first.shape[1]
    wide = first.transpose(2, 3, 1, 0).reshape(4 * channels, -1, 1, 1)
    same = np.eye(2, dtype=np.float32)  # a pixel of the middle map makes those of its own place, and no others
    last = np.einsum("cij,rp,kq->rikjpqc", second[:, 0], same, same).reshape(16, 4 * channels, 1, 1)
    return [wide, np.tile(first_bias.reshape(-1), 4), last, np.repeat(last_bias.reshape(-1), 16)]
