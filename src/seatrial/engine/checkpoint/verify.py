"""What is missing or broken in a model's folder, as an engine finds it when it loads."""

import json
import struct
from pathlib import Path

from seatrial.engine.checkpoint.contents import INDEX

_LONGEST_HEADER = 100 * 1024 * 1024
"""The bound of the safetensors library."""


def first_fault(folder: Path) -> str | None:
    """The exception that loading would end in; None where the folder is complete."""
    if not (folder / "config.json").is_file():
        return f"OSError: {folder} does not appear to have a file named config.json."
    index = folder / INDEX
    if not index.is_file():
        return f"RuntimeError: Cannot find any model weights with `{folder}`"
    try:
        names = sorted(set(json.loads(index.read_bytes())["weight_map"].values()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return f"RuntimeError: {index.name} cannot be read: {type(error).__name__}"
    for name in names:
        path = folder / str(name)
        if not path.is_file():
            return f"FileNotFoundError: No such file or directory: {str(path)!r}"
        if (fault := _fault_of_shard(path)) is not None:
            return f"safetensors_rust.SafetensorError: Error while deserializing header: {fault}"
    return None


def _fault_of_shard(path: Path) -> str | None:
    """Reads the header alone."""
    size = path.stat().st_size
    with path.open("rb") as file:
        first = file.read(8)
        if len(first) < 8:
            return "HeaderTooSmall"
        (length,) = struct.unpack("<Q", first)
        if length > min(_LONGEST_HEADER, size - 8):
            return "HeaderTooLarge" if length > _LONGEST_HEADER else "InvalidHeaderLength"
        try:
            header = json.loads(file.read(length))
            ends = [tensor["data_offsets"][1] for name, tensor in header.items() if name != "__metadata__"]
        except (ValueError, KeyError, TypeError, IndexError, AttributeError):
            return "InvalidHeaderDeserialization"
    return None if 8 + length + max(ends, default=0) == size else "MetadataIncompleteBuffer"
