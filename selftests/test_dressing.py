"""Dressed nodes: what the fixtures say, what facts of a target make of them, and that the shipped sets fit on them."""

import json
from collections.abc import Iterator
from fractions import Fraction
from functools import cache
from pathlib import Path

import pytest

from seatrial import defects
from seatrial.clusters.dressing import MOST_NODES, Dressing, DressingError, dress, nodes
from seatrial.clusters.node_templates import GPU, Node, NodeTemplate, fill, templates
from seatrial.clusters.wanted import request
from seatrial.clusters.zones import ANYWHERE, Zone, of_target, zone
from seatrial.knowledge import instances, kubernetes, regions, reservations
from seatrial.knowledge import nodes as node_facts
from seatrial.manifest_set import ManifestSet, load_texts
from seatrial.manifests import names, schema
from seatrial.manifests.quantity import parse as quantity
from seatrial.manifests.workloads import PodTemplate
from seatrial.nodes.scheduling import ABSENT, INSTANCE_TYPE, Absent, fit, tolerates
from seatrial.target import Target, parse
from seatrial.target.fact_types import Taint
from seatrial.workload.leader_worker_set import leader_worker_sets

SETS = ["a100-80g-int8", "deepseek-r1-tke", "single-node-8xh200", "super-node", "tke-guide-2025-02"]
WORDS = zone("ap-guangzhou-6").words | {
    "ip": "10.1.0.11",
    "id": "00000001",
    "pool": "np-aaaa1111",
    "subnet": "subnet-bbbb2222",
    "pod_cidr": "10.64.0.0/26",
}
TKE = [template for template in templates() if template.kind in ("native", "regular")]
H20 = "[kubernetes]\nversion = '1.34.1'\n[cluster]\nregion = 'ap-guangzhou'\n[pool]\ntype = 'native'\ninstance_type = 'PNV6.32XLARGE1280'\nnodes = 4\n"


def target(text: str) -> Target:
    return parse(text, Path("seatrial.toml"))


@cache
def shipped_set(name: str) -> ManifestSet:
    return defects.assemble(name, defects.files(name))


@cache
def dressed(name: str) -> Dressing:
    return dress(shipped_set(name))


def variant(name: str, *edits: tuple[str, str, str]) -> ManifestSet:
    files = dict(defects.files(name))
    for file, old, new in edits:
        assert old in files[file]
        files[file] = files[file].replace(old, new)
    return defects.assemble(name, files)


def labels(node: Node) -> dict[str, str]:
    found: dict[str, str] = node["metadata"]["labels"]
    return found


def gpu_nodes(found: list[Node]) -> list[Node]:
    return [node for node in found if int(node["status"]["allocatable"].get(GPU, 0))]


# The files.


@pytest.mark.parametrize("template", templates(), ids=lambda one: one.name)
@pytest.mark.parametrize("minor", [kubernetes.minors()[0], 34, kubernetes.minors()[-1]])
def test_fixture_is_a_valid_node(template: NodeTemplate, minor: int) -> None:
    assert schema.violations(template.node, minor) == ()
    filled = fill(template.node, WORDS)
    assert schema.violations(filled, minor) == ()
    assert "$" not in json.dumps(filled)
    assert all(
        names.label_key(key) is None and names.label_value(value) is None for key, value in labels(filled).items()
    )


def test_every_kind_of_node_is_described() -> None:
    found = {
        (one.kind, instances.gpu_name(one.instance_type or ""), instances.has_rdma(one.instance_type or ""))
        for one in templates()
    }
    assert {
        ("native", "H20-96", False),
        ("regular", "H20-96", True),
        ("regular", "A10", False),
        ("regular", "A100-40", False),
        ("super", None, None),
        ("other", None, None),
    } <= found


@pytest.mark.parametrize("template", TKE, ids=lambda one: one.name)
def test_fixture_agrees_with_the_instance_type(template: NodeTemplate) -> None:
    known = instances.instance(template.instance_type or "")
    found = labels(template.node)
    if known is None:
        assert instances.has_no_gpu(template.instance_type or "")
        assert template.gpus == 0
        return
    assert (template.gpus, template.vcpu) == (known.gpus, known.vcpu)
    assert found["node.tke.cloud.tencent.com/cpu"] == str(known.vcpu)
    assert found["node.tke.cloud.tencent.com/memory"] == str(known.memory_gb)
    assert template.memory_gib < known.memory_gb
    family = instances.family(known.name)
    assert family is not None and (family.native or template.kind == "regular")


@pytest.mark.parametrize("template", TKE, ids=lambda one: one.name)
def test_fixture_has_the_labels_that_such_nodes_have(template: NodeTemplate) -> None:
    kinds = {"all", template.kind} | ({"gpu"} if template.gpus else set())
    found = labels(template.node)
    for label in node_facts.labels():
        if label.nodes in kinds:
            assert found[label.key] == (label.value or found[label.key])
        else:
            assert label.key not in found or found[label.key] != label.value
            assert label.nodes == "gpu" or label.key not in found


@pytest.mark.parametrize("template", [one for one in templates() if one.kind != "super"], ids=lambda one: one.name)
def test_allocatable_follows_the_rules_of_reservation(template: NodeTemplate) -> None:
    status = template.node["status"]
    capacity, allocatable = status["capacity"], status["allocatable"]
    nominal = int(labels(template.node).get("node.tke.cloud.tencent.com/memory", 2048 if template.gpus else 64))
    assert quantity(allocatable["cpu"]) == template.vcpu - reservations.cpu(template.vcpu, (1, 34))
    kept = quantity(capacity["memory"]) - quantity(allocatable["memory"])
    assert 0 <= kept / 2**30 - reservations.memory_gib(nominal) - Fraction(100, 1024) < 1
    assert (
        quantity(allocatable["ephemeral-storage"]) == quantity(capacity["ephemeral-storage"]) * reservations.DISK_SHARE
    )
    assert all(
        allocatable[name] == capacity[name] for name in capacity if name not in ("cpu", "memory", "ephemeral-storage")
    )
    assert node_facts.operating_system(status["nodeInfo"]["osImage"]) is not None


def test_assumed_values_are_marked() -> None:
    text = (Path(__file__).parents[1] / "fixtures/nodes/native-h20.yaml").read_text("utf-8")
    lines = {line.split(":")[0].strip(): line for line in text.splitlines() if "assumed" in line}
    assert {
        "node.kubernetes.io/instance-type",
        "topology.kubernetes.io/zone",
        "memory",
        "ephemeral-storage",
    } <= lines.keys()


@pytest.mark.parametrize(
    ("vcpu", "version", "reserved"),
    [
        (4, (1, 28), "0.1"),
        (128, (1, 28), "2.4"),
        (128, (1, 30), "0.39"),
        (384, (1, 34), "1.03"),
        (1, (1, 34), "0.06"),
        (2, (1, 34), "0.07"),
    ],
)
def test_reserved_cpu(vcpu: int, version: tuple[int, int], reserved: str) -> None:
    assert reservations.cpu(vcpu, version) == Fraction(reserved)


@pytest.mark.parametrize(("gib", "reserved"), [(2, "0.5"), (4, "1"), (8, "1.8"), (16, "2.6"), (1280, "32.36")])
def test_reserved_memory(gib: int, reserved: str) -> None:
    assert reservations.memory_gib(gib) == Fraction(reserved)


# Zones.


def test_zones_seen_on_nodes_are_written_as_seen() -> None:
    for region in regions.regions().values():
        for number in region.zones:
            assert zone(f"{region.name}-{number % 100}") == Zone(
                f"{region.name}-{number % 100}", str(number), region.code or ""
            )


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (
            "[pool]\nsubnets = [{ zone = 'ap-nanjing-1' }, { zone = 'ap-nanjing-2' }, { zone = 'ap-nanjing-1' }]",
            ["330001", "330002"],
        ),
        ("[cfs]\nzone = 'ap-shanghai-2'", ["200002"]),
        (
            "[stock]\nap-guangzhou-3 = ['GT4.41XLARGE948']\nap-guangzhou-6 = ['PNV6.32XLARGE1280']\n[pool]\ninstance_type = 'PNV6.32XLARGE1280'",
            ["100006"],
        ),
        ("[cluster]\nregion = 'ap-chengdu'", ["160001"]),
        ("[pool]\nsubnets = [{ zone = 'rack-7' }]", ["rack-7"]),
        ("", [ANYWHERE.number]),
    ],
)
def test_zones_of_a_target(facts: str, expected: list[str]) -> None:
    found, note = of_target(target(facts))
    assert [one.number for one in found] == expected
    assert (note is None) is ("subnets" in facts)


# Facts of the target.


def test_stated_facts_are_on_the_nodes_and_nothing_is_assumed() -> None:
    found = dressed("deepseek-r1-tke")
    assert found.notes == ()
    node, *_ = pool = gpu_nodes(found.nodes)
    assert len(pool) == 4
    assert labels(node)["topology.kubernetes.io/zone"] == "100006"
    assert labels(node)["topology.kubernetes.io/region"] == "gz"
    assert labels(node)["os"] == "tencentos3"
    assert node["spec"]["taints"] == [{"key": "nvidia.com/gpu", "effect": "NoSchedule", "value": "present"}]
    assert node["status"]["nodeInfo"]["kubeletVersion"] == "v1.34.1-tke.8"
    assert node["status"]["nodeInfo"]["osImage"] == "TencentOS Server 3.1 (Final)"
    assert node["status"]["allocatable"]["memory"] == "1227Gi"
    assert {one["type"] for one in node["status"]["conditions"]} >= {"GPUXIDFatalError", "GPUNvlinkError"}


@pytest.mark.parametrize(
    ("facts", "template_kind", "instance_type", "cpu", "gpus"),
    [
        ("type = 'native'\ninstance_type = 'PNV6.96XLARGE2304'", "native", "PNV6.96XLARGE2304", "384", "8"),
        ("type = 'regular'\ninstance_type = 'HCCPNV6.96XLARGE2304'", "regular", "HCCPNV6.96XLARGE2304", "384", "8"),
        ("type = 'regular'\ninstance_type = 'PNV4.28XLARGE466'", "regular", "PNV4.28XLARGE466", "112", "4"),
        ("type = 'native'\ninstance_type = 'GT4.20XLARGE474'", "native", "GT4.20XLARGE474", "82", "4"),
        ("type = 'native'\ngpu_model = 'H20'\ngpus_per_node = 8", "native", "PNV6.32XLARGE1280", "128", "8"),
        ("instance_type = 'PNV6.32XLARGE1280'", "native", "PNV6.32XLARGE1280", "128", "8"),
        ("instance_type = 'HCCPNV6.96XLARGE2304'", "regular", "HCCPNV6.96XLARGE2304", "384", "8"),
        ("type = 'registered'\ngpus_per_node = 4", "other", None, "96", "4"),
        ("gpu_model = 'H200'", "other", None, "192", "8"),
        ("instance_type = 'p5.48xlarge'\ngpus_per_node = 8", "other", "p5.48xlarge", "192", "8"),
    ],
)
def test_kind_and_size(facts: str, template_kind: str, instance_type: str | None, cpu: str, gpus: str) -> None:
    node = nodes(target(f"[pool]\nnodes = 1\n{facts}\n")).nodes[0]
    marks = {"native": "node.tke.cloud.tencent.com/machineset", "regular": "tke.cloud.tencent.com/nodepool-id"}
    assert [kind for kind, mark in marks.items() if mark in labels(node)] == [template_kind] * (template_kind in marks)
    assert labels(node).get(INSTANCE_TYPE) == instance_type
    assert (node["status"]["capacity"]["cpu"], node["status"]["capacity"][GPU]) == (cpu, gpus)


def test_an_older_kubernetes_reserves_more_cpu() -> None:
    node = nodes(target(H20.replace("1.34.1", "1.28.3"))).nodes[0]
    assert node["status"]["nodeInfo"]["kubeletVersion"] == "v1.28.3"
    assert node["status"]["allocatable"]["cpu"] == "125600m"


def test_what_is_stated_of_the_system() -> None:
    facts = target(
        H20
        + "os = 'Ubuntu 24.04'\nsystem_disk_gb = 100\ntaints = ['a=b:NoExecute', 'c:NoSchedule']\nlabels = { rack = 'r1' }"
    )
    node = nodes(facts).nodes[0]
    assert node["status"]["nodeInfo"]["osImage"] == "Ubuntu 24.04"
    assert quantity(node["status"]["capacity"]["ephemeral-storage"]) == 100 * 2**30
    assert node["spec"]["taints"] == [
        {"key": "a", "effect": "NoExecute", "value": "b"},
        {"key": "c", "effect": "NoSchedule"},
    ]
    assert labels(node)["rack"] == "r1"


def test_gpu_feature_discovery_says_all_or_nothing() -> None:
    with_it, without = gpu_nodes(dressed("single-node-8xh200").nodes)[0], gpu_nodes(dressed("deepseek-r1-tke").nodes)[0]
    assert labels(with_it)["nvidia.com/cuda.driver.major"] == "580"
    assert labels(with_it)["nvidia.com/gpu.count"] == "8"
    assert not [key for key in labels(without) if key.startswith("nvidia.com/")]


def test_nodes_take_turns_in_the_zones() -> None:
    found = nodes(target(H20 + "subnets = [{ zone = 'ap-guangzhou-3' }, { zone = 'ap-guangzhou-6' }]")).nodes[:4]
    assert [labels(node)["topology.kubernetes.io/zone"] for node in found] == ["100003", "100006"] * 2


def test_super_nodes() -> None:
    node, *others = dressed("super-node").nodes
    assert node["metadata"]["name"].startswith("eklet-subnet-")
    assert node["spec"]["taints"] == [{"key": "eks.tke.cloud.tencent.com/eklet", "effect": "NoSchedule"}]
    assert node["status"]["nodeInfo"]["kubeletVersion"].startswith("v2.")
    assert len(others) == 2
    assert any("virtual" in note for note in dressed("super-node").notes)
    paid = nodes(target("[pool]\ntype = 'super'\nnodes = 1\nbilling = 'subscription'")).nodes[0]
    assert "taints" not in paid["spec"] or paid["spec"]["taints"] == []
    assert len(nodes(target("[cluster]\ntype = 'serverless'\n[pool]\ntype = 'super'\nnodes = 3")).nodes) == 3


def test_a_set_with_pods_for_super_nodes_gets_one_beside_its_pool() -> None:
    manifests = variant(
        "deepseek-r1-tke",
        (
            "openwebui.yaml",
            "    spec:\n      containers:\n      - name: open-webui",
            "    spec:\n      nodeSelector: {node.kubernetes.io/instance-type: eklet}\n      containers:\n      - name: open-webui",
        ),
    )
    assert len([node for node in dress(manifests).nodes if labels(node)[INSTANCE_TYPE] == "eklet"]) == 1


# Facts that are missing.


def test_missing_facts_are_derived_from_the_set_and_said() -> None:
    files = dict(defects.files("deepseek-r1-tke"))
    files["seatrial.toml"] = ""
    manifests = defects.assemble("deepseek-r1-tke", files)
    found = dress(manifests)
    pool = gpu_nodes(found.nodes)
    assert len(pool) == 4
    assert labels(pool[0])[INSTANCE_TYPE] == "PNV6.32XLARGE1280"
    for fact in ("pool.type", "pool.instance_type", "pool.nodes", "pool.subnets", "cluster.addons"):
        assert any(fact in note for note in found.notes), fact
    assert unplaced(manifests, found.nodes) == []


def test_selectors_make_labels_only_where_none_are_stated() -> None:
    edit = ("leaderworkerset.yaml", "nvidia.com/gpu.product: NVIDIA-A100-SXM4-80GB", "rack: r1")
    stated = dress(variant("a100-80g-int8", edit))
    assert "rack" not in labels(stated.nodes[0])
    facts = ("seatrial.toml", '[pool.labels]\n"nvidia.com/gpu.product" = "NVIDIA-A100-SXM4-80GB"\n', "")
    derived = dress(variant("a100-80g-int8", edit, facts))
    assert labels(derived.nodes[0])["rack"] == "r1"
    assert any("rack=r1" in note for note in derived.notes)


def test_a_wrong_selector_of_a_label_that_nodes_have_finds_no_node() -> None:
    edit = (
        "leaderworkerset.yaml",
        "node.kubernetes.io/instance-type: PNV6.32XLARGE1280",
        'nvidia-device-enable: "true"',
    )
    facts = ("seatrial.toml", '"nvidia-device-enable" = "enable"\n', "")
    manifests = variant("deepseek-r1-tke", edit, facts)
    assert len(unplaced(manifests, dress(manifests).nodes)) == 2


def test_a_pod_outside_the_pool_finds_the_node_that_it_selects() -> None:
    edit = (
        "openwebui.yaml",
        "    spec:\n      containers:\n      - name: open-webui",
        "    spec:\n      nodeSelector: {disk: ssd}\n      containers:\n      - name: open-webui",
    )
    manifests = variant("deepseek-r1-tke", edit)
    found = dress(manifests)
    assert [labels(node).get("disk") for node in found.nodes].count("ssd") == 1
    assert any("disk=ssd" in note for note in found.notes)
    assert unplaced(manifests, found.nodes) == []


def test_rdma_devices_are_assumed_where_the_type_does_not_exclude_them() -> None:
    edit = ("leaderworkerset.yaml", 'nvidia.com/gpu: "8"', 'nvidia.com/gpu: "8"\n              rdma/hca: "1"')
    with_rdma = [
        (file, "PNV6.32XLARGE1280", "HCCPNV6.96XLARGE2304")
        for file in ("leaderworkerset.yaml", "download.yaml", "seatrial.toml")
    ]
    found = dress(variant("deepseek-r1-tke", edit, *with_rdma))
    assert found.nodes[0]["status"]["allocatable"]["rdma/hca"] == "8"
    assert any("rdma/hca" in note for note in found.notes)
    assert "rdma/hca" not in dress(variant("deepseek-r1-tke", edit)).nodes[0]["status"]["allocatable"]


# Fleets.


def test_a_fleet_has_names_addresses_and_ids_of_its_own() -> None:
    found = dress(shipped_set("deepseek-r1-tke"), count=1000).nodes
    assert len(gpu_nodes(found)) == 1000
    for of in (
        lambda node: node["metadata"]["name"],
        lambda node: node["spec"]["podCIDR"],
        lambda node: labels(node)["cloud.tencent.com/node-instance-id"],
        lambda node: labels(node)["kubernetes.io/hostname"],
    ):
        assert len({of(node) for node in found}) == len(found)
    found[0]["metadata"]["labels"]["own"] = "1"
    assert "own" not in labels(found[1])
    assert found[1:] == dress(shipped_set("deepseek-r1-tke"), count=1000).nodes[1:]


def test_too_many_nodes_are_refused_in_one_line() -> None:
    with pytest.raises(DressingError, match="too many") as refused:
        nodes(target(H20), count=MOST_NODES + 1)
    assert "\n" not in str(refused.value)


# The shipped sets.


def unplaced(manifests: ManifestSet, found: list[Node]) -> list[str]:
    """The pods that no node has room for: placed one by one as the scheduler does it, the largest first."""
    free = [(node, {name: quantity(value) for name, value in node["status"]["allocatable"].items()}) for node in found]
    asked = {"cpu", "memory", GPU}
    pods = sorted(all_pods(manifests), key=lambda template: -request(template, GPU))
    return [template.title for template in pods if not _place(template, free, asked)]


def _place(template: PodTemplate, free: list[tuple[Node, dict[str, Fraction]]], asked: set[str]) -> bool:
    wants = {name: request(template, name) for name in asked}
    for node, room in free:
        if (
            room["pods"] >= 1
            and _accepts(node, template)
            and all(room.get(name, 0) >= much for name, much in wants.items())
        ):
            room |= {name: room.get(name, Fraction()) - much for name, much in wants.items()} | {
                "pods": room["pods"] - 1
            }
            return True
    return False


def _accepts(node: Node, template: PodTemplate) -> bool:
    def value(key: str) -> str | Absent:
        return labels(node).get(key, ABSENT)

    taints = [Taint(one["key"], one.get("value", ""), one["effect"]) for one in node["spec"].get("taints", ())]
    return not fit(template, value).broken and all(tolerates(template, taint) for taint in taints)


def all_pods(manifests: ManifestSet) -> Iterator[PodTemplate]:
    """The template of every pod, once for each pod; of a LeaderWorkerSet as its controller expands it."""
    for lws in leader_worker_sets(manifests):
        for pod in lws.pods:
            if pod.group_index < lws.replicas:
                yield lws.leader_template if pod.role == "leader" else lws.worker_template
    for template in manifests.pod_templates:
        if not template.role:
            number = template.document["spec"]["replicas"].integer
            yield from [template] * (1 if number is None else number)


@pytest.mark.parametrize("name", SETS)
def test_every_pod_of_a_shipped_set_fits(name: str) -> None:
    assert list(all_pods(shipped_set(name)))
    assert unplaced(shipped_set(name), dressed(name).nodes) == []


@pytest.mark.parametrize("name", ["deepseek-r1-tke", "a100-80g-int8", "single-node-8xh200"])
def test_pods_that_do_not_tolerate_the_pool_fit_elsewhere_only(name: str) -> None:
    pool = gpu_nodes(dressed(name).nodes)
    assert set(unplaced(shipped_set(name), pool)) <= {"Deployment/open-webui"}
    others = [node for node in dressed(name).nodes if node not in pool]
    assert len(others) == 2
    assert unplaced(shipped_set(name), others)


@pytest.mark.parametrize("name", SETS)
def test_dressed_objects_are_valid(name: str) -> None:
    found = dressed(name)
    for made in (*found.nodes, *found.storage.objects, *found.storage.csi_nodes):
        assert schema.violations(made, 34) == ()
        assert "$" not in json.dumps(made)


@pytest.mark.parametrize("count", ["0", "-1", "true", "1e99", "'x'", "[]", "{a: 1}"])
@pytest.mark.parametrize("field", ["replicas", "size"])
def test_whatever_stands_in_a_set_can_be_dressed_for(field: str, count: str) -> None:
    text = (
        "apiVersion: leaderworkerset.x-k8s.io/v1\nkind: LeaderWorkerSet\nmetadata: {name: x}\n"
        f"spec: {{{field}: {count}, leaderWorkerTemplate: {{{field}: {count}, workerTemplate: {{spec: {{nodeSelector: {{'a b': 'c d', 1: 2}}, "
        "containers: [{image: sglang, resources: {limits: {nvidia.com/gpu: -1, cpu: lots, 7: 8, 'rdma x': 1}}}]}}}}\n"
    )
    manifests = load_texts("set", {"lws.yaml": text}, Target.empty())
    made = dress(manifests).nodes
    for node in made:
        assert all(
            names.label_key(key) is None and names.label_value(value) is None for key, value in labels(node).items()
        )


def test_a_set_that_needs_more_nodes_than_there_can_be_is_refused() -> None:
    manifests = variant(
        "deepseek-r1-tke", ("leaderworkerset.yaml", "replicas: 1", "replicas: 1e99"), ("seatrial.toml", "nodes = 4", "")
    )
    with pytest.raises(DressingError, match="that many nodes"):
        dress(manifests)
