"""Which metrics a release has, with which labels and buckets (sglang-server facts 5).

They are worked out from what was really sent, when a request ends: counters of the real one grow then, too.
"""

from itertools import chain, pairwise

from seatrial.engine.launch.server_args import ServerArgs
from seatrial.engine.metrics.registry import Histogram, Value
from seatrial.engine.openai.information import pool
from seatrial.engine.state import State
from seatrial.engine.truth import Record

_TTFT_OLD = (0.1, 0.25, 0.5, 0.75, 1, 2, 5, 10, 20, 40, 60, 80, 120, 160)
_TTFT = (0.1, 0.2, 0.4, 0.6, 0.8, 1, 2, 4, 6, 8, 10, 20, 40, 60, 80, 100, 200, 400)
_ITL = (0.002, 0.004, 0.006, 0.008, 0.01, 0.015, 0.02, 0.025, 0.03, 0.035, 0.04, 0.06, 0.08, 0.1, 0.2, 0.4, 0.6, 0.8,
        1, 2, 4, 6, 8)  # fmt: skip
_E2E_OLD = (0.1, 0.25, 0.5, 1, 2, 5, 10, 20, 40, 60, 80, 120, 160)
_E2E = (*_TTFT, 600, 1200, 1800, 2400)
_TPOT_OLD = (0.005, 0.01, 0.015, 0.02, 0.025, 0.03, 0.04, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5)
_GAUGES = {"num_running_reqs": "Requests that are running.", "num_queue_reqs": "Requests that wait."}
_BATCH_GAUGES = {
    "num_used_tokens": "Tokens of the KV pool that requests hold.",
    "token_usage": "Their share of the pool.",
    "cache_hit_rate": "Share of prompt tokens that the prefix cache had.",
    "gen_throughput": "Generated tokens a second.",
}
"""Without a model of the batch they would be made up, so then they are not there."""


class Metrics:
    """What ``/metrics`` shows."""

    def __init__(self, args: ServerArgs, state: State) -> None:
        release = args.release
        self._args, self._state = args, state
        self._request: dict[str, str] = {"model_name": args.served_model_name}
        self._scheduler = dict(self._request)
        if release.since("0.5.0"):
            self._scheduler |= {"engine_type": "unified", "tp_rank": "0", "pp_rank": "0", "moe_ep_rank": "0"}
        if release.since("0.5.23"):
            self._request["engine_type"] = "unified"
        self._tells_streaming = release.since("0.5.17")
        new = release.since("0.4.6")
        self._counters = {
            name: Value("counter", f"sglang:{name}_total", help)
            for name, help in (
                ("prompt_tokens", "Prompt tokens of finished requests."),
                ("generation_tokens", "Generated tokens of finished requests."),
                ("num_requests", "Requests that finished."),
                ("num_aborted_requests", "Requests that were aborted."),
            )
            if name != "num_aborted_requests" or release.since("0.4.9.post6")
        }
        self._gauges = {name: Value("gauge", f"sglang:{name}", help) for name, help in _GAUGES.items()}
        if release.since("0.5.0"):
            self._gauges["max_total_num_tokens"] = Value(
                "gauge", "sglang:max_total_num_tokens", "Tokens of the KV pool."
            )
        self._batch_gauges = {name: Value("gauge", f"sglang:{name}", help) for name, help in _BATCH_GAUGES.items()}
        self._retracted = Value("counter", "sglang:num_retracted_requests_total", "Requests sent back to the queue.")
        self._tells_retracted = release.since("0.5.0")
        ttft = self._buckets("bucket_time_to_first_token", _TTFT if new else _TTFT_OLD)
        e2e = self._buckets("bucket_e2e_request_latency", _E2E if new else _E2E_OLD)
        self._ttft = Histogram("sglang:time_to_first_token_seconds", "Time to the first token.", ttft)
        self._e2e = Histogram("sglang:e2e_request_latency_seconds", "Time of whole requests.", e2e)
        between = "inter_token_latency_seconds" if new else "time_per_output_token_seconds"
        bounds = self._buckets("bucket_inter_token_latency", _ITL) if new else _TPOT_OLD
        self._itl = Histogram(f"sglang:{between}", "Time between tokens.", bounds)
        self._tpot = Histogram("sglang:request_time_per_output_token_seconds", "Mean time of a request's tokens.", _ITL)
        self._has_tpot = release.since("0.5.23")

    def _buckets(self, flag: str, default: tuple[float, ...]) -> tuple[float, ...]:
        given = self._args.get(flag)
        return tuple(sorted(float(bound) for bound in given)) if given else default

    def finished(self, record: Record, first_due_ns: int | None) -> None:
        """Count a request that was generated to its end, or to where its client left it.

        `first_due_ns` is when its first token was there, which an answer that was sent as a whole does not show.
        """
        completion_tokens = record.all_tokens
        labels = dict(self._request)
        if self._tells_streaming:
            labels["is_streaming"] = "true" if record.streaming else "false"
        if record.outcome == "disconnected" and "num_aborted_requests" in self._counters:
            self._counters["num_aborted_requests"].add(self._request)
        self._counters["prompt_tokens"].add(labels, record.prompt_tokens)
        self._counters["generation_tokens"].add(labels, completion_tokens)
        self._counters["num_requests"].add(labels)
        self._e2e.observe(labels, (record.ended_ns - record.received_ns) / 1e9)
        self._times(record, labels, completion_tokens, first_due_ns)

    def _times(self, record: Record, labels: dict[str, str], tokens: int, first_due_ns: int | None) -> None:
        told = list(record.token_times())
        if not record.streaming and first_due_ns is not None and told:
            told.insert(0, ((first_due_ns - record.received_ns) // 1000, 1))
            told[-1] = told[-1][0], max(tokens - 1, 1)
        if not told:
            return
        first, last = told[0][0] / 1e6, told[-1][0] / 1e6
        self._ttft.observe(labels, first)
        for (before, _), (at, count) in pairwise(told):
            self._itl.observe(self._request, (at - before) / 1e6 / count, count)
        if self._has_tpot and tokens > 1 and record.outcome == "complete":
            self._tpot.observe(labels, (last - first) / (tokens - 1))

    def _set_batch_gauges(self) -> None:
        load = self._state.load
        if load is None:
            return
        tokens = pool(self._args, self._state)
        values = {
            "num_used_tokens": load.used_tokens,
            "token_usage": round(load.used_tokens / tokens, 2),
            "cache_hit_rate": load.hit_rate,
            "gen_throughput": load.throughput,
        }
        for name, gauge in self._batch_gauges.items():
            gauge.set(self._scheduler, values[name])
        if self._tells_retracted and load.retracted:
            self._retracted.set(self._scheduler, load.retracted)

    def render(self) -> bytes:
        """The text of ``/metrics``."""
        state = self._state
        values = {
            "num_running_reqs": state.running - state.queued,
            "num_queue_reqs": state.queued,
            "max_total_num_tokens": pool(self._args, state),
        }
        for name, gauge in self._gauges.items():
            gauge.set(self._scheduler, values[name])
        self._set_batch_gauges()
        batch = (*self._batch_gauges.values(), self._retracted)
        values_told = chain(*(one.lines() for one in (*self._gauges.values(), *batch, *self._counters.values())))
        histograms = chain(*(one.lines() for one in (self._ttft, self._itl, self._e2e, self._tpot)))
        return "".join((*values_told, *histograms)).encode()
