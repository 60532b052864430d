"""Logs of engines: lines of trouble, how far a start has come, and texts that are not what they look like."""

import pytest

from seatrial.knowledge.log_signatures import signature, signatures
from seatrial.live.logs import _join
from seatrial.live.start_up import StartUp, Step, start_up

LINES = {
    "RuntimeError: SGLang only supports sm75 and above.": "too old for SGLang",
    "ValueError: Minimum capability: 80. Current capability: 75.": "no FP8",
    "ValueError: Weight output_partition_size = 576 is not divisible by weight quantization block_n = 128.": "blocks",
    "RuntimeError: Not enough memory. Please try to increase --mem-fraction-static.": "memory",
    "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB": "memory",
    "RuntimeError: CUDA error: invalid device ordinal": "more ranks",
    "AssertionError: tp_size must be divisible by number of nodes": "spread evenly",
    "AssertionError: multi-node data parallel is not supported unless dp attention!": "data parallelism",
    "launch_server.py: error: unrecognized arguments: --enable_metrics": "command line",
    "sglang serve: error: argument --node-rank: expected one argument": "command line",
    "sglang serve: error: argument --tp-size: invalid int value: ''": "command line",
    "bash: line 1: LWS_LEADER_ADDRESS: command not found": "webhook",
    "RuntimeError: Gloo connectFullMesh failed with [...] remote=[127.0.0.1]": "loopback",
    "OSError: [Errno 98] Address already in use": "port is taken",
    "Watchdog caught collective operation timeout: WorkNCCL(SeqNum=1": "peer",
    "[2026-01-01 10:00:00 TP0] Scheduler watchdog timeout (self.watchdog_timeout=300, self.soft=False)": "peer",
    "torch.distributed.DistBackendError: NCCL error in: ProcessGroupNCCL.cpp:1, unhandled system error": "fabric",
    "Bus error (core dumped)": "shared memory",
    "undefined symbol: cuTensorMapEncodeTiled": "driver",
    "Error 802: system not yet initialized": "fabric manager",
    "TypeError: 'str' object cannot be interpreted as an integer": "Service",
    "OSError: [Errno 28] No space left on device": "disk",
    "[2026-01-01 10:00:00 TP0] Compute capability below sm80. Use float16 due to lack of bfloat16 support.": "bfloat16",
    "node:1:1 [0] NCCL INFO NET/Socket : Using [0]eth0": "TCP",
    "WARNING: '--enable-ep-moe' is deprecated": "later release",
}


@pytest.mark.parametrize(("line", "meaning"), LINES.items())
def test_a_line_tells_its_cause(line: str, meaning: str) -> None:
    found = signature(line)
    assert found is not None and meaning in found.meaning


def test_every_signature_is_borne_by_a_line() -> None:
    borne = {found.pattern for line in LINES if (found := signature(line)) is not None}
    assert {one.pattern for one in signatures()} - borne == {"Scheduler hit an exception"}


@pytest.mark.parametrize(
    "line",
    [
        "[2026-01-01 10:00:00] server_args=ServerArgs(model_path='/data', watchdog_timeout=300, host='0.0.0.0')",
        "[2026-01-01 10:00:00 TP0] Load weight begin. avail mem=94.50 GB",
        "FutureWarning: `resume_download` is deprecated and will be removed",
        "torch.distributed is deprecated in favour of nothing",
        "[2026-01-01 10:00:00 TP0] max_total_num_tokens=510000, chunked_prefill_size=8192, context_len=163840",
        "node:1:1 [0] NCCL INFO NET/IB : Using [0]mlx5_0:1/RoCE",
        'INFO:     10.0.0.1:1 - "GET /health HTTP/1.1" 200 OK',
    ],
)
def test_a_healthy_line_tells_nothing(line: str) -> None:
    assert signature(line) is None


BEGUN = "[x TP0] Init torch distributed begin.\n"
ENDED = BEGUN + "[x TP0] Init torch distributed ends. elapsed=3 s\n[x TP0] Load weight begin. avail mem=94 GB\n"
HALF = ENDED + "\rLoading safetensors checkpoint shards:  12% Completed | 20/163 [00:10<01:00]\n"
LOADED = HALF + "[x TP0] Load weight end. type=DeepseekV3ForCausalLM, dtype=torch.bfloat16\n"


@pytest.mark.parametrize(
    ("log", "found"),
    [
        ("", StartUp(Step.SILENT)),
        ("waiting for the leader\n", StartUp(Step.SILENT)),
        (BEGUN, StartUp(Step.BEGUN)),
        ("[x TP0] Init parallel begin.\n", StartUp(Step.BEGUN)),
        (ENDED, StartUp(Step.LOADING)),
        (HALF, StartUp(Step.LOADING, (20, 163))),
        (LOADED, StartUp(Step.LOADED, (20, 163))),
        (LOADED + "[x] The server is fired up and ready to roll!\n", StartUp(Step.SERVING, (20, 163))),
        (
            BEGUN + "[x] Dummy health check server started in background thread at 0.0.0.0:30000\n",
            StartUp(Step.SERVING),
        ),
        (LOADED + BEGUN, StartUp(Step.BEGUN)),  # a container that was started anew in the same log
    ],
)
def test_how_far_a_start_has_come(log: str, found: StartUp) -> None:
    assert start_up(log) == found


def test_beginning_and_end_of_a_log_are_laid_together() -> None:
    whole = "".join(f"line {number}\n" for number in range(100))
    start, end = whole[:400], "".join(f"line {number}\n" for number in range(30, 100))
    assert _join(start, end) == whole
    assert _join(start, "something else\n") is None
    assert _join("", "") is None
