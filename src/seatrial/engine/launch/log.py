"""The lines that people grep for, with the prefixes of the release (sglang-server facts 2.2)."""

import sys
import time
from typing import TextIO

from seatrial.engine.launch.server_args import ServerArgs

READY = "The server is fired up and ready to roll!"


class Log:
    """Writes lines as SGLang does: to standard error, with the local time and the rank."""

    def __init__(self, args: ServerArgs, out: TextIO | None = None) -> None:
        self._args, self._out = args, out if out is not None else sys.stderr
        self.wall_offset_s = 0.0
        """What a step of the clock has added."""

    def line(self, text: str, tp_rank: int | None = None) -> None:
        """One line, of the main process, or of the scheduler of a rank."""
        stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(time.time() + self.wall_offset_s))
        self._out.write(f"[{stamp}{self._prefix(tp_rank)}] {text}\n")
        self._out.flush()

    def bare(self, text: str) -> None:
        """A line of something that stamps nothing, such as a progress bar or a traceback."""
        self._out.write(f"{text}\n")
        self._out.flush()

    def _prefix(self, tp_rank: int | None) -> str:
        args = self._args
        if tp_rank is None or (args.tp_size == 1 and args.release.since("0.5.0")):
            return ""
        pp = f" PP{tp_rank // args.tp_size}" if args.pp_size > 1 else ""
        return f"{pp} TP{tp_rank % args.tp_size}"


def arguments(log: Log, args: ServerArgs) -> None:
    log.line(args.logged)


def rendezvous_begins(log: Log, args: ServerArgs, rank: int) -> None:
    log.line("Init parallel begin." if args.release.since("0.5.17") else "Init torch distributed begin.", rank)


def rendezvous_ends(log: Log, args: ServerArgs, rank: int, elapsed_s: float) -> None:
    """0.4.3.post2 says nothing here: its next line tells it."""
    if args.release.since("0.5.17"):
        log.line(f"Init parallel ends. elapsed={elapsed_s:.2f} s", rank)
    elif args.release.since("0.5.0"):
        log.line(f"Init torch distributed ends. elapsed={elapsed_s:.2f} s", rank)


def load_begins(log: Log, rank: int, memory_gb: float) -> None:
    log.line(f"Load weight begin. avail mem={memory_gb:.2f} GB", rank)


def shards(log: Log, loaded: int, of: int, elapsed_s: float) -> None:
    """Tqdm's bar, a line for each state that is written."""
    log.bare(
        f"Loading safetensors checkpoint shards: {loaded * 100 // of:3d}% Completed | {loaded}/{of} [{elapsed_s:.0f}s]"
    )


def load_ends(log: Log, args: ServerArgs, rank: int, elapsed_s: float) -> None:
    if args.release.since("0.5.0"):
        log.line(f"Load weight end. elapsed={elapsed_s:.2f} s, type=DeepseekV3ForCausalLM, dtype=torch.bfloat16", rank)
    else:
        log.line("Load weight end. type=DeepseekV3ForCausalLM, dtype=torch.bfloat16, avail mem=12.00 GB", rank)


def scheduler_ready(log: Log, args: ServerArgs, rank: int, tokens: int) -> None:
    memory = ", available_gpu_mem=8.00 GB" if args.release.since("0.5.0") else ""
    log.line(
        f"max_total_num_tokens={tokens}, chunked_prefill_size={args.get('chunked_prefill_size', 8192)}, "
        f"max_running_requests={args.get('max_running_requests', 2048)}, context_len={args.context_length}{memory}",
        rank,
    )


def port_open(log: Log, host: str, port: int) -> None:
    log.line(f"INFO:     Uvicorn running on http://{host}:{port} (Press CTRL+C to quit)")


def ready(log: Log) -> None:
    log.line(READY)


def dummy_started(log: Log, args: ServerArgs) -> None:
    if args.release.since("0.5.5.post3"):
        log.line(f"Dummy health check server started in background thread at {args.host}:{args.port}")
