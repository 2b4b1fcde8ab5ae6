"""Where a search stands, as bytes that can be read back years later, or refused.

A state is a tree of dicts with strings for keys, and lists, whose leaves are ready for JSON, tensors or strokes. As
bytes it is MAGIC, the sha256 of all that follows, and a safetensors file: the tensors under '0', '1' and so on, and
under 'tree' the tree as JSON in UTF-8, with {"$tensor": k} for tensors. Nothing in it is code, and reading runs none.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors import numpy as safetensors
from torch import Tensor

from renderers.strokes import Strokes

MAGIC = b"impasto state 1\n"
LARGE = 1e9  # no number of ours comes near
HEAD_BYTES = len(MAGIC) + 32  # before the safetensors file


def dump(tree: dict[str, Any]) -> bytes:
    """The tree as bytes, the same for the same tree. A tensor that is in it twice is kept once."""
    tensors: dict[tuple[Any, ...], tuple[int, Tensor]] = {}  # number and tensor, by where it lies in memory

    def plain(node: Any) -> Any:
        if isinstance(node, Tensor):
            place = node.data_ptr(), node.dtype, node.shape, node.stride(), node.device
            return {"$tensor": tensors.setdefault(place, (len(tensors), node))[0]}
        if isinstance(node, Strokes):
            return {"$strokes": {name: plain(getattr(node, name)) for name in Strokes.__dataclass_fields__}}
        if isinstance(node, dict):
            return {name: plain(value) for name, value in node.items()}
        return [plain(value) for value in node] if isinstance(node, (list, tuple)) else node

    text = json.dumps(plain(tree)).encode()
    arrays = {str(k): _array(values) for k, values in tensors.values()}
    content = safetensors.save({**arrays, "tree": np.frombuffer(text, np.uint8)})
    return with_checksum(content)


def with_checksum(content: bytes) -> bytes:
    """A safetensors file as `load` takes it."""
    return MAGIC + hashlib.sha256(content).digest() + content


def load(data: bytes) -> dict[str, Any]:
    """The tree that `dump` made these bytes of, lists for its tuples, tensors on the CPU.

    Raises:
        ValueError: they are not such bytes, or not all of them, or not as they were.
    """
    if not data.startswith(MAGIC):
        raise ValueError("it is no state of a search")
    content = data[HEAD_BYTES:]
    if hashlib.sha256(content).digest() != data[len(MAGIC) : HEAD_BYTES]:
        raise ValueError("it is damaged or not complete (sha256 differs)")
    try:
        arrays = safetensors.load(content)
        tree = json.loads(arrays.pop("tree").tobytes())
        tensors = {int(name): torch.from_numpy(values.copy()) for name, values in arrays.items()}
        found = _revived(tree, tensors)
    except (SafetensorError, LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise ValueError("it holds no state of a search") from error
    if not isinstance(found, dict):
        raise ValueError("it holds no state of a search")
    return found


# --- what a state may hold: each returns its value, or raises ValueError --------------------------------------


def integer(value: Any, low: int, high: int) -> int:
    """A whole number from `low` to `high`."""
    if type(value) is not int or not low <= value <= high:
        raise ValueError(f"expected a whole number from {low} to {high}, got {value!r}")
    return value


def number(value: Any, low: float = -LARGE, high: float = LARGE) -> float:
    """A number from `low` to `high`."""
    if type(value) not in (int, float) or not low <= value <= high:
        raise ValueError(f"expected a number from {low} to {high}, got {value!r}")
    return float(value)


def like(value: Any, wanted: Tensor) -> Tensor:
    """A finite tensor of the shape and dtype of `wanted`."""
    if not isinstance(value, Tensor) or value.shape != wanted.shape or value.dtype != wanted.dtype:
        raise ValueError(f"expected {wanted.dtype} {list(wanted.shape)}")
    if not value.isfinite().all():
        raise ValueError("values are not finite")
    return value


def _array(values: Tensor) -> np.ndarray:
    array: np.ndarray = values.detach().cpu().contiguous().numpy()
    return array


def _revived(node: Any, tensors: dict[int, Tensor]) -> Any:
    if isinstance(node, list):
        return [_revived(value, tensors) for value in node]
    if not isinstance(node, dict):
        return node
    if "$tensor" in node:
        return tensors[node["$tensor"]]
    if "$strokes" in node:
        return Strokes(**_revived(node["$strokes"], tensors))
    return {name: _revived(value, tensors) for name, value in node.items()}
