"""SGLang's metrics: names, labels and buckets per release, read by a real parser, and equal to what was sent."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from seatrial.engine.launch.server_args import ServerArgs
from seatrial.engine.metrics.registry import Histogram, Value
from seatrial.engine.metrics.sglang import Metrics
from seatrial.engine.release import Release
from seatrial.engine.state import State
from seatrial.engine.truth import Record, what

MS = 1_000_000


def metrics(release: str, **given: object) -> Metrics:
    args = ServerArgs.of(Release(release), {"model_path": "m", "served_model_name": 'a "model"', **given})
    return Metrics(args, State(running=3, queued=1))


def record(*, streaming: bool = True, outcome: str = "complete") -> Record:
    """Four tokens: one at 50 ms, two together at 70, one at 80."""
    found = Record("r", "/v1/chat/completions", 0, streaming, prompt_tokens=7)
    for at, code in ((50, what("role")), (50, what("content", 1)), (70, what("content", 2)), (80, what("content", 1))):
        found.add(at * MS, at * MS, code)
    found.end(outcome, 90 * MS)
    return found


def read(found: Metrics) -> dict[str, dict[str, float]]:
    """Samples by name, and each by its labels as text."""
    samples: dict[str, dict[str, float]] = {}
    for family in text_string_to_metric_families(found.render().decode()):
        for sample in family.samples:
            samples.setdefault(sample.name, {})[str(sorted(sample.labels.items()))] = sample.value
    return samples


def total(samples: dict[str, dict[str, float]], name: str) -> float:
    return sum(samples[f"sglang:{name}"].values())


@pytest.mark.parametrize("release", ["0.4.3.post2", "0.5.9", "0.5.23"])
def test_counts_and_sums(release: str) -> None:
    found = metrics(release)
    found.finished(record(), 50 * MS)
    samples = read(found)
    assert total(samples, "generation_tokens_total") == 4
    assert total(samples, "prompt_tokens_total") == 7
    assert total(samples, "num_requests_total") == 1
    assert total(samples, "time_to_first_token_seconds_sum") == pytest.approx(0.05)
    assert total(samples, "e2e_request_latency_seconds_sum") == pytest.approx(0.09)
    between = "time_per_output_token_seconds" if release == "0.4.3.post2" else "inter_token_latency_seconds"
    assert total(samples, f"{between}_count") == 3
    assert total(samples, f"{between}_sum") == pytest.approx(0.03)
    assert total(samples, "num_running_reqs") == 2


def test_names_and_labels_of_releases() -> None:
    for release, labels, tpot in (
        ("0.4.3.post2", {"model_name"}, False),
        ("0.5.9", {"model_name"}, False),
        ("0.5.23", {"model_name", "engine_type", "is_streaming"}, True),
    ):
        found = metrics(release)
        found.finished(record(), 50 * MS)
        families = {one.name: one for one in text_string_to_metric_families(found.render().decode())}
        assert {*families["sglang:num_requests"].samples[0].labels} == labels
        assert families["sglang:num_requests"].samples[0].labels["model_name"] == 'a "model"'
        assert ("sglang:request_time_per_output_token_seconds" in families) == tpot
        assert not any(sample.name.endswith("_created") for one in families.values() for sample in one.samples)


def test_a_series_appears_with_its_first_observation() -> None:
    names = {*read(metrics("0.5.23"))}
    assert names == {"sglang:num_running_reqs", "sglang:num_queue_reqs", "sglang:max_total_num_tokens"}


def test_an_answer_as_a_whole_tells_its_first_token_too() -> None:
    whole = Record("r", "/v1/chat/completions", 0, False, prompt_tokens=7)
    whole.add(90 * MS, 90 * MS, what("body", 5))
    whole.end("complete", 90 * MS)
    found = metrics("0.5.9")
    found.finished(whole, 50 * MS)
    samples = read(found)
    assert total(samples, "time_to_first_token_seconds_sum") == pytest.approx(0.05)
    assert total(samples, "inter_token_latency_seconds_count") == 4
    assert total(samples, "inter_token_latency_seconds_sum") == pytest.approx(0.04)


def test_a_client_that_left_is_counted() -> None:
    found = metrics("0.5.9")
    found.finished(record(outcome="disconnected"), 50 * MS)
    assert total(read(found), "num_aborted_requests_total") == 1


def test_buckets_can_be_set() -> None:
    found = metrics("0.5.9", bucket_time_to_first_token=[0.06, 0.01])
    found.finished(record(), 50 * MS)
    buckets = read(found)["sglang:time_to_first_token_seconds_bucket"]
    assert [value for _, value in sorted(buckets.items())] == [1.0, 0.0, 1.0]


def test_bounds_are_inclusive_and_cumulative() -> None:
    histogram = Histogram("h", "help", (1, 2))
    for value, times in ((1.0, 2), (1.5, 1), (9.0, 3)):
        histogram.observe({}, value, times)
    text = "".join(histogram.lines())
    assert 'h_bucket{le="1.0"} 2.0' in text and 'h_bucket{le="2.0"} 3.0' in text and 'h_bucket{le="+Inf"} 6.0' in text
    counter = Value("counter", "c_total", "help")
    counter.add({"a": "x\n\\"}, 2)
    assert 'c_total{a="x\\n\\\\"} 2.0' in "".join(counter.lines())
