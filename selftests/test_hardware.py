"""What a role runs on: manifests before facts, every choice listed, nothing guessed."""

from functools import cache
from pathlib import Path

import pytest

from seatrial import shipped
from seatrial.agreement import statements
from seatrial.finding import CannotTell
from seatrial.knowledge.images import cuda_of_tag
from seatrial.manifest_set import ManifestSet, load_texts
from seatrial.nodes.capacity import needs
from seatrial.nodes.gpu_memory import occupancies
from seatrial.nodes.hardware import hardware, need_accelerators
from seatrial.target import Target, parse
from seatrial.workload.parallelism import parallelism
from seatrial.workload.serving import Role, groups

SELECTOR = "          node.kubernetes.io/instance-type: PNV6.32XLARGE1280\n"


@cache
def _files(name: str) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in (shipped.manifests() / name).glob("*.*")}


def changed(*edits: tuple[str, str], name: str = "deepseek-r1-tke", facts: str | None = None) -> ManifestSet:
    """A shipped set with texts replaced everywhere, and with other facts if `facts` is given."""
    files = dict(_files(name))
    for old, new in edits:
        files = {file: text.replace(old, new) for file, text in files.items()}
    target = Target.empty() if facts == "" else parse(facts or files["seatrial.toml"], Path("seatrial.toml"))
    return load_texts("set", {file: text for file, text in files.items() if file.endswith(".yaml")}, target)


def leader(manifests: ManifestSet) -> Role:
    return groups(manifests)[0].leader


def gpus(manifests: ManifestSet) -> list[str]:
    return [found.gpu.name for found in hardware(leader(manifests)).accelerators]


def test_the_selector_says_the_gpu_and_how_many_a_node_has() -> None:
    manifests = changed(facts="")
    assert gpus(manifests) == ["H20-96"]
    assert hardware(leader(manifests)).gpus_per_node == [8]


def test_the_selector_goes_before_the_facts() -> None:
    assert gpus(changed(facts='[pool]\ngpu_model = "A10"\ninstance_type = "GT4.20XLARGE474"')) == ["H20-96"]


def test_facts_say_what_manifests_do_not() -> None:
    manifests = changed((SELECTOR, ""), facts='[pool]\ngpu_model = "H200"\ngpus_per_node = 4')
    assert gpus(manifests) == ["H200"]
    assert hardware(leader(manifests)).gpus_per_node == [4]


def test_nothing_is_guessed() -> None:
    manifests = changed((SELECTOR, ""), facts="")
    assert hardware(leader(manifests)).gpus_per_node == []
    with pytest.raises(CannotTell, match="which GPUs"):
        need_accelerators(leader(manifests))


def test_super_pods_get_what_their_annotation_says() -> None:
    manifests = changed(("A10*PNV4", "A10*PNV4,T4"), name="super-node", facts="")
    assert gpus(manifests) == ["A10", "T4"]
    assert hardware(leader(manifests)).gpus_per_node == [1, 2, 4]


def test_nodes_are_shared_where_pods_leave_room() -> None:
    whole = next(needs(changed()))
    assert (whole.nodes, whole.gpus) == (2, 16)
    half = next(needs(changed(('nvidia.com/gpu: "8"', 'nvidia.com/gpu: "4"'))))
    assert (half.nodes, half.gpus) == (1, 8)
    assert list(needs(changed(name="super-node"))) == []


def test_memory_of_the_published_measurement() -> None:
    """2 x 8 H20, tp 16, fraction 0.93: SGLang logged 712,400 tokens."""
    held = occupancies(leader(changed(("static=0.84", "static=0.93"))))[0]
    assert held.exact
    assert held.tokens == pytest.approx(712_400, rel=0.01)


def test_a_fraction_that_is_computed_at_start_leaves_a_bound() -> None:
    held = occupancies(leader(changed(("          - --mem-fraction-static=0.84\n", ""))))[0]
    assert not held.exact
    assert held.fraction.at_most == 1.0
    assert "0.5.9" in held.unknown().reason


def test_offloaded_weights_cannot_be_judged() -> None:
    with pytest.raises(CannotTell, match="host"):
        occupancies(leader(changed(("--trust-remote-code", "--cpu-offload-gb=20"))))


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("--ep-size=4", (16, 1, 4, 1)),
        ("--moe-a2a-backend=deepep", (16, 1, 16, 1)),
        ("--dp-size=4", (16, 1, 1, 1)),
        ("--dp-size=4\n          - --enable-dp-attention", (16, 1, 1, 4)),
        ("--pp-size=2", (16, 2, 1, 1)),
    ],
)
def test_parallel_sizes(flags: str, expected: tuple[int, ...]) -> None:
    sizes = parallelism(leader(changed(("--trust-remote-code", flags))))
    assert (sizes.tp, sizes.pp, sizes.ep, sizes.attention_dp) == expected


@pytest.mark.parametrize(
    ("tag", "cuda"),
    [
        ("v0.5.9-cu129-amd64", "12.9"),
        ("v0.4.3.post2-cu124", "12.4"),
        ("v0.5.9-cu13", "13"),
        ("v0.5.9-cu130", "13.0"),
        ("v0.5.9", None),
        ("custom", None),
        ("", None),
    ],
)
def test_cuda_of_a_tag(tag: str, cuda: str | None) -> None:
    assert cuda_of_tag(tag) == cuda


@pytest.mark.parametrize("name", ["deepseek-r1-tke", "single-node-8xh200", "a100-80g-int8", "super-node"])
def test_facts_of_shipped_sets_are_compared_and_agree(name: str) -> None:
    found = list(statements(changed(name=name)))
    assert found
    assert [statement for statement in found if not statement.agrees] == []


def test_without_facts_there_is_nothing_to_compare() -> None:
    assert list(statements(changed(facts=""))) == []


def test_any_type_among_several_agrees_with_the_pool() -> None:
    choice = """          kubernetes.io/os: linux
        affinity:
          nodeAffinity:
            requiredDuringSchedulingIgnoredDuringExecution:
              nodeSelectorTerms:
              - matchExpressions:
                - {key: node.kubernetes.io/instance-type, operator: In, values: [PNV6.32XLARGE1280, PNV6.96XLARGE2304]}
"""
    found = [one for one in statements(changed((SELECTOR, choice))) if one.fact == "pool.instance_type"]
    assert found
    assert all(statement.agrees for statement in found)
