"""The start of a node, until its weights are loaded: it meets the others, and all load together."""

import asyncio
import time
from pathlib import Path

from seatrial.engine.capacity import pool_tokens
from seatrial.engine.checkpoint.verify import first_fault
from seatrial.engine.launch import log as lines
from seatrial.engine.launch.log import Log
from seatrial.engine.launch.server_args import ServerArgs
from seatrial.engine.ranks.node import Node
from seatrial.engine.ranks.world import Failed, World
from seatrial.engine.settings import Settings

SHARDS = 163
_MEMORY_GB = 94.5
_STEP_S = 2.0
"""How often the bar of loading is written."""


async def start(args: ServerArgs, settings: Settings, log: Log) -> World:
    """Join and load. Raises Failed with the exception that a rank ends in."""
    node = Node.of(args)
    if settings.gpus is not None and len(node.ranks) > settings.gpus:
        raise Failed("RuntimeError: CUDA error: invalid device ordinal")
    began = time.monotonic()
    for rank in node.ranks:
        lines.rendezvous_begins(log, args, rank)
    world = World(node)
    await world.join()
    for rank in node.ranks:
        lines.rendezvous_ends(log, args, rank, time.monotonic() - began)
    await _load(args, settings, log, node)
    await world.barrier("loaded")
    if any(spec.name == "memory-full" for spec in settings.misbehave):
        raise Failed("RuntimeError: Not enough memory. Please try to increase --mem-fraction-static.")
    for rank in node.ranks:
        lines.load_ends(log, args, rank, time.monotonic() - began)
    if node.leads:
        lines.scheduler_ready(log, args, 0, pool_tokens(settings.batch, args))
    return world


async def _load(args: ServerArgs, settings: Settings, log: Log, node: Node) -> None:
    for rank in node.ranks:
        lines.load_begins(log, rank, _MEMORY_GB)
    if (fault := model_fault(args)) is not None:
        raise Failed(fault)
    named = {spec.name: spec for spec in settings.misbehave}
    late = named["slow-start"].count if "slow-start" in named else 0
    seconds = (settings.load_time_ns + late) / 1e9
    stop = named["stop-loading"].count if "stop-loading" in named else SHARDS
    began = time.monotonic()
    steps = max(round(seconds / _STEP_S), 1)
    for step in range(1, steps + 1):
        await asyncio.sleep(seconds / steps)
        loaded = SHARDS * step // steps
        lines.shards(log, min(loaded, stop), SHARDS, time.monotonic() - began)
        if loaded >= stop < SHARDS:
            await asyncio.Event().wait()  # nothing more comes, until somebody ends it


def model_fault(args: ServerArgs) -> str | None:
    """What is wrong with a model path that is a folder of this machine; None for others."""
    path = Path(args.model_path)
    return first_fault(path) if path.is_absolute() else None


def missing_config(args: ServerArgs) -> bool:
    """Whether such a folder has no configuration."""
    path = Path(args.model_path)
    return path.is_absolute() and not (path / "config.json").is_file()
