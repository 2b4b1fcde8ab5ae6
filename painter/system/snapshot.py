"""The state of a search as bytes, which can be read back years later or are refused.

A state is a tree of dicts with string keys, lists and leaves that are ready for JSON, tensors or strokes. As bytes it
is MAGIC, the sha256 of all that follows, and a safetensors file: the tensors are named '0', '1' and so on; 'tree' is
the tree as JSON in UTF-8, with {"$tensor": k} for tensors. It contains no code, and reading it runs none.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors import numpy as safetensors
from torch import Tensor

from renderers.strokes import Strokes

MAGIC = b"impasto state 1\n"
LARGE = 1e9  # far above any number in a state
HEAD_BYTES = len(MAGIC) + 32  # before the safetensors file
_DTYPES = {
    torch.float64: "F64", torch.float32: "F32", torch.float16: "F16", torch.int64: "I64", torch.int32: "I32",
    torch.int16: "I16", torch.int8: "I8", torch.uint8: "U8", torch.bool: "BOOL",
}  # fmt: skip
"""safetensors' names of the kinds of numbers."""


def dump(tree: dict[str, Any]) -> bytes:
    """The tree as bytes; equal trees give equal bytes. A tensor that occurs twice is stored once."""
    return with_checksum(b"".join(_packed(tree)))


def dump_into(path: Path, tree: dict[str, Any]) -> None:
    """Write what `dump` returns, without a copy of it in memory. Raises OSError."""
    digest = hashlib.sha256()
    with open(path, "wb") as file:
        file.write(bytes(HEAD_BYTES))
        for part in _packed(tree):
            digest.update(part)
            file.write(part)
        file.seek(0)
        file.write(MAGIC + digest.digest())


def with_checksum(content: bytes) -> bytes:
    """The bytes that `load` reads, from those of a safetensors file."""
    return MAGIC + hashlib.sha256(content).digest() + content


def _packed(tree: dict[str, Any]) -> Iterator[bytes | memoryview]:
    """The safetensors file, piece by piece."""
    tensors: dict[tuple[Any, ...], tuple[int, Tensor]] = {}
    text = json.dumps(_plain(tree, tensors)).encode()
    leaves = {str(k): values for k, values in tensors.values()}
    leaves["tree"] = torch.frombuffer(bytearray(text), dtype=torch.uint8)
    yield _header(leaves)
    for values in leaves.values():
        yield _bytes(values)


def _bytes(values: Tensor) -> bytes | memoryview:
    """Its numbers, one after the other."""
    array = values.detach().cpu().contiguous().numpy()
    if array.size < 2:  # may have any stride
        return bytes(array.tobytes())
    found: memoryview = array.reshape(-1).view(np.uint8).data
    return found


def _plain(node: Any, tensors: dict[tuple[Any, ...], tuple[int, Tensor]]) -> Any:
    """A tree ready for JSON. Its tensors go into `tensors`, by their place in memory, each with its number.

    No function within another: one that calls itself refers to itself, and would keep all tensors for as long as the
    garbage collector leaves it.
    """
    if isinstance(node, Tensor):
        place = node.data_ptr(), node.dtype, node.shape, node.stride(), node.device
        return {"$tensor": tensors.setdefault(place, (len(tensors), node))[0]}
    if isinstance(node, Strokes):
        return {"$strokes": {name: _plain(getattr(node, name), tensors) for name in Strokes.__dataclass_fields__}}
    if isinstance(node, dict):
        return {name: _plain(value, tensors) for name, value in node.items()}
    return [_plain(value, tensors) for value in node] if isinstance(node, (list, tuple)) else node


def _header(leaves: Mapping[str, Tensor]) -> bytes:
    """What comes before the numbers of these tensors in a safetensors file, if they follow in this order."""
    header, end = {}, 0
    for name, values in leaves.items():
        start, end = end, end + values.numel() * values.element_size()
        header[name] = {"dtype": _DTYPES[values.dtype], "shape": [*values.shape], "data_offsets": [start, end]}
    written = json.dumps(header, separators=(",", ":")).encode()
    written += b" " * (-len(written) % 8)
    return len(written).to_bytes(8, "little") + written


def load(data: bytes) -> dict[str, Any]:
    """The tree from which `dump` made these bytes, with lists in place of tuples and tensors on the CPU.

    Raises:
        ValueError: the bytes are not those of a state, incomplete or damaged.
    """
    if not data.startswith(MAGIC):
        raise ValueError("it is not the state of a search")
    content = data[HEAD_BYTES:]
    if hashlib.sha256(content).digest() != data[len(MAGIC) : HEAD_BYTES]:
        raise ValueError("it is damaged or incomplete (its sha256 differs)")
    try:
        arrays = safetensors.load(content)
        tree = json.loads(arrays.pop("tree").tobytes())
        tensors = {int(name): torch.from_numpy(values.copy()) for name, values in arrays.items()}
        found = _revived(tree, tensors)
    except (SafetensorError, LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise ValueError("it is not the state of a search") from error
    if not isinstance(found, dict):
        raise ValueError("it is not the state of a search")
    return found


# --- checks of values in a state: each returns its value, or raises ValueError ---------------------------------


def integer(value: Any, low: int, high: int) -> int:
    """An int from `low` to `high`."""
    if type(value) is not int or not low <= value <= high:
        raise ValueError(f"expected a whole number from {low} to {high}, got {value!r}")
    return value


def number(value: Any, low: float = -LARGE, high: float = LARGE) -> float:
    """A float, or an int as one, from `low` to `high`."""
    if type(value) not in (int, float) or not low <= value <= high:
        raise ValueError(f"expected a number from {low} to {high}, got {value!r}")
    return float(value)


def like(value: Any, wanted: Tensor) -> Tensor:
    """A tensor of finite numbers with the shape and dtype of `wanted`."""
    if not isinstance(value, Tensor) or value.shape != wanted.shape or value.dtype != wanted.dtype:
        raise ValueError(f"expected {wanted.dtype} {list(wanted.shape)}")
    if not value.isfinite().all():
        raise ValueError("values are not finite")
    return value


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
