"""Models, checkpoints and repositories: what is downloaded, what it weighs, and what it must not be taken for."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date as Date
from typing import Any, Literal

from seatrial.knowledge.records import document, records


@dataclass(frozen=True, slots=True)
class Model:
    """An architecture with its constants; `max_positions` is the longest context in tokens."""

    name: str
    title: str
    architecture: str
    parameters: int
    layers: int
    hidden: int
    heads: int
    attention: Literal["mla", "gqa"]
    max_positions: int
    vocabulary: int
    intermediate: int
    source: str
    date: Date
    kv_lora_rank: int = 0
    rope_dim: int = 0
    kv_heads: int = 0
    head_dim: int = 0
    expert_intermediate: int = 0
    experts: int = 0
    experts_per_token: int = 0
    shards: int = 0


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One form of a model's weights; sizes in bytes.

    `file_bytes` on disk (published if `exact`, else an estimate), `gpu_bytes` on all GPUs of a group together,
    `replicated_bytes` what each tensor-parallel rank holds whole, `mtp_bytes` the draft layer of speculative
    decoding, `block` the side of a quantisation block (0: none), `native_fp8` computes in FP8 hardware.
    """

    model: str
    name: str
    file_bytes: int
    exact: bool
    gpu_bytes: int
    replicated_bytes: int
    native_fp8: bool
    source: str
    date: Date
    mtp_bytes: int = 0
    block: int = 0


@dataclass(frozen=True, slots=True)
class Repository:
    """A model repository. `full` means it may stand for the full 671B model, `reasoning` that it thinks aloud."""

    name: str
    model: str
    checkpoint: str
    full: bool
    reasoning: bool
    source: str
    date: Date


@functools.cache
def models() -> Mapping[str, Model]:
    """All known models by name."""
    return {row.name: row for row in records("models", "model", Model)}


@functools.cache
def _checkpoints() -> Mapping[tuple[str, str], Checkpoint]:
    return {(row.model, row.name): row for row in records("models", "checkpoint", Checkpoint)}


@functools.cache
def repositories() -> Mapping[str, Repository]:
    """All known repositories by name, in the case of the hub."""
    return {row.name: row for row in records("models", "repository", Repository)}


@functools.cache
def _directories() -> Mapping[str, Repository]:
    return {row.name.rpartition("/")[2]: row for row in repositories().values()}


def checkpoint(name: str, model: str = "deepseek-671b") -> Checkpoint | None:
    """The checkpoint `fp8`, `bf16`, `int8` or `awq` of a model; None when unknown."""
    return _checkpoints().get((model, name))


def repository(name: str) -> Repository | None:
    """The repository of exactly that name (case counts, as on the hub); None when unknown."""
    return repositories().get(name)


def repository_of_path(path: str) -> Repository | None:
    """The repository that a model path speaks of: the name itself, or a directory called like one.

    A hint only: nothing forces a directory to hold what its name says.
    """
    clean = path.rstrip("/")
    return repositories().get(clean) or _directories().get(clean.rpartition("/")[2])


@functools.cache
def companion_files() -> tuple[str, ...]:
    """Files that the engine needs beside the shards of DeepSeek-R1."""
    section: Mapping[str, Any] = document("models")["companions"]
    return tuple(section["files"])
