"""The memory model against published measurements and the figures of SGLang's own documentation."""

import pytest

from seatrial.knowledge import memory, transfers
from seatrial.knowledge.gpus import gpu
from seatrial.knowledge.models import checkpoint, models

R1 = models()["deepseek-671b"]


def of(name):
    found = checkpoint(name)
    assert found is not None
    return found


def tokens(gpu_name, form, tp, fraction=0.90, pp=1):
    model = gpu(gpu_name)
    assert model is not None
    free = memory.pool_bytes(model.usable_gib, fraction) - memory.weights_bytes(of(form), tp, pp)
    return int(free // memory.kv_bytes_per_token(R1, tp, pp))


@pytest.mark.parametrize(("tp", "pp", "gib"), [(4, 1, 157.5), (8, 1, 79.3), (16, 1, 40.2), (16, 2, 20.1)])
def test_weights_per_rank(tp, pp, gib):
    assert memory.weights_bytes(of("fp8"), tp, pp) / memory.GIB == pytest.approx(gib, abs=0.05)


def test_weights_against_another_engine():
    # HabanaAI/vllm-fork#809: 79.41 GiB per rank at tp 8
    assert memory.weights_bytes(of("fp8"), 8) / memory.GIB == pytest.approx(79.41, rel=0.005)


def test_expert_parallelism_hands_out_the_same_bytes():
    assert memory.weights_bytes(of("fp8"), 16, ep=16) == memory.weights_bytes(of("fp8"), 16)


def test_the_draft_layer_comes_on_top():
    more = memory.weights_bytes(of("fp8"), 8, mtp=True) - memory.weights_bytes(of("fp8"), 8)
    assert more == pytest.approx(15.42e9 / 8)


@pytest.mark.parametrize("sizes", [(0, 1, 1), (8, 0, 1), (8, 1, 0), (-1, 1, 1)])
def test_sizes_are_positive(sizes):
    with pytest.raises(ValueError, match="positive"):
        memory.weights_bytes(of("fp8"), *sizes)


def test_kv_cache_per_token():
    assert memory.kv_bytes_per_token(R1) == 70_272
    assert memory.kv_bytes_per_token(R1, tp=16) == 70_272
    assert memory.kv_bytes_per_token(R1, pp=2) == 35_136
    assert memory.kv_bytes_per_token(R1, element_bytes=1) == 35_136


@pytest.mark.parametrize(
    ("tokens", "gib"), [(8192, 0.54), (32_768, 2.14), (65_536, 4.29), (131_072, 8.58), (163_840, 10.72)]
)
def test_kv_cache_of_a_context(tokens, gib):
    assert tokens * memory.kv_bytes_per_token(R1) / memory.GIB == pytest.approx(gib, abs=0.01)


def test_grouped_query_attention_divides_its_heads():
    qwen = models()["deepseek-r1-distill-qwen-32b"]
    assert memory.kv_bytes_per_token(qwen) == 2 * 8 * 128 * 64 * 2
    assert memory.kv_bytes_per_token(qwen, tp=4) == 2 * 2 * 128 * 64 * 2
    assert memory.kv_bytes_per_token(qwen, tp=16) == 2 * 1 * 128 * 64 * 2


@pytest.mark.parametrize(
    ("gpu_name", "tp", "fraction", "measured", "within"),
    [
        pytest.param("H20-96", 16, 0.93, 712_400, 0.005, id="2x8-H20"),  # sglang: docs/references/deploy_on_k8s.md
        pytest.param("H200", 8, 0.82, 509_000, 0.013, id="8xH200"),  # ai-dynamo/aisimulate#263
    ],
)
def test_against_measurements(gpu_name, tp, fraction, measured, within):
    assert tokens(gpu_name, "fp8", tp, fraction) == pytest.approx(measured, rel=within)


FEASIBLE = [
    ("H20-96", "fp8", 16, 0.93, 1, 709_000),
    ("H200", "fp8", 8, 0.82, 1, 515_000),
    ("H20-96", "fp8", 8, 0.90, 1, 68_500),
    ("H20-96", "fp8", 16, 0.90, 1, 666_000),
    ("H20-96", "fp8", 16, 0.79, 1, 510_000),
    ("H100", "fp8", 16, 0.90, 1, 446_000),
    ("H200", "fp8", 8, 0.90, 1, 683_000),
    ("L20", "fp8", 16, 0.90, 2, 552_000),
    ("A10", "int8", 64, 0.90, 1, 111_000),
    ("A10", "awq", 32, 0.90, 1, 104_000),
    ("A10", "bf16", 128, 0.90, 1, 96_000),
    ("A100-40", "int8", 32, 0.90, 1, 199_000),
    ("A100-40", "awq", 16, 0.90, 1, 186_000),
    ("A100-40", "bf16", 64, 0.90, 1, 185_000),
    ("A100-80", "int8", 16, 0.90, 1, 448_000),
    ("A100-80", "awq", 8, 0.90, 1, 421_000),
    ("A100-80", "bf16", 32, 0.90, 1, 434_000),
    ("L40S", "int8", 32, 0.90, 1, 268_000),
    ("L40S", "awq", 16, 0.90, 1, 255_000),
    ("H20-96", "int8", 8, 0.90, 1, 69_000),
    ("H20-96", "awq", 4, 0.90, 1, 16_000),
    ("H20-96", "bf16", 16, 0.90, 1, 57_000),
    ("H200", "bf16", 16, 0.90, 1, 672_000),
]


@pytest.mark.parametrize(
    ("gpu_name", "form", "tp", "fraction", "pp", "expected"),
    FEASIBLE,
    ids=[f"{row[0]}-{row[1]}-{row[2]}-{row[3]}" for row in FEASIBLE],
)
def test_feasible_combinations(gpu_name, form, tp, fraction, pp, expected):
    assert tokens(gpu_name, form, tp, fraction, pp) == pytest.approx(expected, abs=1_000)


@pytest.mark.parametrize(
    ("gpu_name", "form", "tp", "fraction"),
    [
        ("A10", "fp8", 16, 0.90),
        ("A100-40", "fp8", 16, 0.90),
        ("L20", "fp8", 16, 0.90),
        ("H100", "fp8", 8, 0.90),
        ("H20-96", "fp8", 8, 0.81),
        ("H20-96", "fp8", 4, 0.90),
    ],
)
def test_combinations_without_room(gpu_name, form, tp, fraction):
    assert tokens(gpu_name, form, tp, fraction) < 8_192


@pytest.mark.parametrize(("tp", "fraction"), [(32, 0.79), (16, 0.79), (8, 0.81), (4, 0.85), (2, 0.87), (1, 0.88)])
def test_default_fraction_was_a_constant(tp, fraction):
    assert memory.default_fraction("0.4.3.post2", tp) == fraction


@pytest.mark.parametrize(
    ("version", "constant"),
    [
        ("0.4.1.post7", True),
        ("0.4.4", True),
        ("0.4.5.post2", True),
        ("0.4.5.post3", False),
        ("0.4.6", False),
        ("0.5.9", False),
        ("0.4.1", False),
        ("latest", False),
    ],
)
def test_default_fraction_is_known_for_old_versions_only(version, constant):
    assert (memory.default_fraction(version, 8) == 0.81) == constant


def test_a_size_below_one_has_no_default():
    assert memory.default_fraction("0.4.4", 0) is None


def test_transfers():
    size = of("fp8").file_bytes
    assert transfers.download_seconds(size, 100) / 3600 == pytest.approx(15.3, abs=0.05)
    assert transfers.download_seconds(size, 100) * 1.2 == pytest.approx(66_104, abs=1)
    assert [round(transfers.read_seconds(size, rate) / 60, 1) for rate in (1, 2, 5)] == [11.5, 5.7, 2.3]
