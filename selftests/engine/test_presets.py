"""How the batch model is written on the command line, and what follows from hardware and flags."""

import re

import pytest

from seatrial.engine.capacity import costs_of, pool_tokens
from seatrial.engine.latency.presets import PARAMETERS, presets, read
from seatrial.engine.launch.server_args import ServerArgs
from seatrial.engine.release import Release


def args(release: str = "0.5.9", **given: object) -> ServerArgs:
    return ServerArgs.of(Release(release), {"model_path": "deepseek-ai/DeepSeek-R1", **given})


@pytest.mark.parametrize("name", presets())
def test_every_preset_can_be_read_and_says_where_it_is_from(name: str) -> None:
    preset = presets()[name]
    assert preset.source and preset.derived
    assert set(preset.parameters) <= set(PARAMETERS)
    assert costs_of(read(name), args()).pool_tokens > 300_000


def test_parameters_replace_those_of_a_preset() -> None:
    plain, changed = read("8xh200").costs, read("8xH200, decode=20ms,pool=1000").costs
    assert (changed.decode_ns, changed.pool_tokens) == (20_000_000, 1000)
    assert (changed.experts_ns, changed.prefill_rate) == (plain.experts_ns, plain.prefill_rate)


def test_without_a_preset_the_rest_costs_nothing() -> None:
    costs = read("prefill-rate=20000,decode=20ms").costs
    assert costs.decode(100, 100_000) == 20_000_000
    assert costs.prefill(20_000) == 1_000_000_000


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "prefill-rate and decode must be given where no preset is named"),
        ("9xh200", "'9xh200' is no preset; there are 8xh200, 2x8xh100, or write 8xh200,decode=20ms"),
        ("8xh200,speed=2", "'speed' is no parameter; there are overhead, prefill,"),
        ("8xh200,decode", "'decode' is no parameter"),
        ("8xh200,decode=fast", "decode: 'fast' is no length of time"),
        ("8xh200,prefill-rate=0", "prefill-rate: '0': at least 1 is needed"),
        ("8xh200,decode=0", "decode: a step that takes no time never ends"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=rf"^[^\n]*{re.escape(said)}[^\n]*$"):
        read(text)


def test_the_pool_follows_from_the_memory_model() -> None:
    assert costs_of(read("8xh200"), args()).pool_tokens == pytest.approx(677_000, rel=0.01)
    assert costs_of(read("2x8xh100"), args()).pool_tokens == pytest.approx(334_000, rel=0.01)
    at_82 = costs_of(read("8xh200"), args(mem_fraction_static=0.82)).pool_tokens
    assert at_82 == pytest.approx(509_000, rel=0.02)  # ai-dynamo/aisimulate#263
    fp8 = costs_of(read("8xh200"), args(mem_fraction_static=0.82, kv_cache_dtype="fp8_e4m3")).pool_tokens
    assert fp8 == pytest.approx(2 * at_82, rel=0.001)


def test_flags_of_the_command_line_bound_pool_and_chunks() -> None:
    assert costs_of(read("8xh200"), args(max_total_tokens=5000)).pool_tokens == 5000
    assert pool_tokens(read("8xh200,pool=3000"), args(max_total_tokens=5000)) == 3000
    assert pool_tokens(None, args(max_total_tokens=5000)) == 5000
    assert costs_of(read("8xh200"), args(chunked_prefill_size=2048)).chunk_tokens == 2048
    assert costs_of(read("8xh200"), args(chunked_prefill_size=-1, context_length=4096)).chunk_tokens == 4096
    assert costs_of(read("8xh200"), args()).chunk_tokens == 8192


def test_weights_that_leave_no_room_are_said() -> None:
    with pytest.raises(ValueError, match=r"leave no room for a KV cache at 0\.5 of the memory"):
        costs_of(read("2x8xh100"), args(mem_fraction_static=0.5))
