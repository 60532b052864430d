"""Facts as data: complete, consistent with each other, and found under the names that users write."""

import tomllib
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import seatrial.knowledge
from seatrial.knowledge import (
    enumerations,
    gpus,
    images,
    instances,
    models,
    nodes,
    operators,
    regions,
    super_nodes,
    versions,
)

FOLDER = Path(seatrial.knowledge.__file__).parent
FILES = sorted(FOLDER.glob("*.toml"))


def records_of(path):
    for table, rows in tomllib.loads(path.read_text(encoding="utf-8")).items():
        for number, row in enumerate(rows if isinstance(rows, list) else [rows]):
            yield f"{path.name} {table} {number}", row


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_every_record_has_a_source_and_a_date(path):
    lacking = [
        place
        for place, row in records_of(path)
        if not (isinstance(row.get("source"), str) and row["source"].strip()) or type(row.get("date")) is not date
    ]
    assert not lacking


def test_there_are_records():
    assert len(FILES) >= 9
    assert sum(1 for path in FILES for _ in records_of(path)) > 200


@pytest.mark.parametrize(
    ("name", "capability", "memory_gb"),
    [
        ("P4", (6, 1), 8),
        ("P40", (6, 1), 24),
        ("V100", (7, 0), 32),
        ("T4", (7, 5), 16),
        ("A100", (8, 0), 40),
        ("A10", (8, 6), 24),
    ],
)
def test_gpus_agree_with_the_guide(name, capability, memory_gb):
    model = gpus.gpu(name)
    assert model is not None
    assert (model.capability, model.nominal_gb) == (capability, memory_gb)


def test_gpus_are_consistent():
    names = [name.casefold() for model in gpus.gpus() for name in (model.name, *model.aliases)]
    assert len(names) == len(set(names))
    for model in gpus.gpus():
        assert model.fp8 == (model.capability >= gpus.CAPABILITY_FP8), model.name
        if model.usable_gib is not None and model.nominal_gb is not None:
            assert 0.85 * model.nominal_gb * 1e9 < model.usable_gib * 2**30 < 1.1 * model.nominal_gb * 1e9, model.name


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("H20", "H20-96"),
        ("h20-96", "H20-96"),
        ("NVIDIA-H20", "H20-96"),
        ("NVIDIA H100 80GB HBM3", "H100"),
        ("NVIDIA-A100-SXM4-80GB", "A100-80"),
        ("Tesla-T4", "T4"),
        (" A10 ", "A10"),
    ],
)
def test_gpus_are_found_by_their_many_names(written, name):
    model = gpus.gpu(written)
    assert model is not None
    assert model.name == name


def test_an_unknown_gpu_is_none():
    assert gpus.gpu("MI300X") is None
    assert gpus.gpu("") is None


@pytest.mark.parametrize(
    ("instance_type", "name"),
    [
        ("PNV6.32XLARGE1280", "H20-96"),
        ("HCCPNV6.96XLARGE2304", "H20-96"),
        ("PNV6.1XLARGE1", "H20-96"),
        ("GT4.20XLARGE474", "A100-40"),
        ("PNV4.28XLARGE466", "A10"),
        ("GN10Xp.20XLARGE320", "V100"),
        ("gn7.2xlarge32", "T4"),
        ("PNV5b.16XLARGE192", None),
        ("S5.MEDIUM4", None),
        ("eklet", None),
    ],
)
def test_gpu_of_an_instance_type(instance_type, name):
    model = gpus.of_instance_type(instance_type)
    assert (model.name if model else None) == name


@pytest.mark.parametrize(
    ("instance_type", "count"),
    [
        ("PNV6.32XLARGE1280", 8),
        ("PNV4.28XLARGE466", 4),
        ("PNV4.56XLARGE932", 8),
        ("GT4.4XLARGE96", 1),
        ("PNV6.X", None),
    ],
)
def test_gpus_per_node(instance_type, count):
    assert instances.gpus_per_node(instance_type) == count


def test_instances_and_families_agree():
    families = {family.name: family for family in instances.families()}
    for row in instances.instances():
        assert gpus.gpu(row.gpu) is not None
        assert families[row.family].gpu == row.gpu
        assert families[row.family].rdma == row.rdma


def test_rdma():
    assert instances.has_rdma("HCCPNV6.96XLARGE2304") is True
    assert instances.has_rdma("HCCANYTHING.1") is True
    assert instances.has_rdma("PNV6.96XLARGE2304") is False
    assert instances.has_rdma("S5.MEDIUM4") is None


def test_documented_combinations():
    def documented(checkpoint, gpu, count):
        rows = gpus.documented()
        return any((row.checkpoint, row.count) == (checkpoint, count) and gpu in row.gpus for row in rows)

    assert documented("fp8", "H20-96", 16)
    assert not documented("fp8", "H20-96", 8)
    assert documented("fp8", "H200", 8)
    assert documented("bf16", "H200", 16)
    assert documented("bf16", "A100-80", 32)
    assert documented("int8", "A100-80", 16)
    assert not documented("int8", "A100-80", 32)
    assert documented("int8", "L40S", 32)
    assert documented("awq", "A100-80", 8)
    assert not documented("fp8", "A100-80", 16)
    assert all(gpus.gpu(name) for row in gpus.documented() for name in row.gpus)


def test_super_nodes():
    assert [model.name for model in gpus.of_super_node("A10*PNV4, T4") if model] == ["A10", "T4"]
    assert gpus.of_super_node("A100") == (None,)
    pnv4 = super_nodes.known_gpu_types()["A10*PNV4"]
    assert max(pnv4.counts) == 4
    assert len(pnv4.sizes) == len(pnv4.counts)
    assert {super_nodes.GPU_TYPE, super_nodes.MEMORY, super_nodes.ROOT_DISK} <= super_nodes.annotations().keys()
    assert all(gpus.gpu(row.gpu) for row in super_nodes.known_gpu_types().values())


def test_regions():
    assert {name for name, row in regions.regions().items() if row.guide} == {
        "ap-guangzhou",
        "ap-shanghai",
        "ap-nanjing",
        "ap-beijing",
    }
    codes = {"gz": "ap-guangzhou", "sh": "ap-shanghai", "bj": "ap-beijing", "nj": "ap-nanjing", "cd": "ap-chengdu"}
    for code, name in codes.items():
        found = regions.region(code)
        assert found is not None
        assert found.name == name
    assert regions.is_mainland("ap-guangzhou") is True
    assert regions.is_mainland("ap-singapore") is False
    assert regions.is_mainland("ap-hongkong") is False
    assert regions.is_mainland("mars-1") is None


def test_zones():
    found = regions.region_of_zone("ap-guangzhou-6")
    assert found is not None
    assert found.name == "ap-guangzhou"
    assert regions.region_of_zone("100006") is None
    assert regions.region_of_zone("ap-guangzhou") is None


def test_the_full_model():
    r1 = models.models()["deepseek-671b"]
    assert (r1.heads, r1.experts, r1.layers, r1.max_positions, r1.shards) == (128, 256, 61, 163_840, 163)
    fp8 = models.checkpoint("fp8")
    assert fp8 is not None
    assert (fp8.file_bytes, fp8.exact, fp8.block) == (688_586_727_753, True, 128)
    assert fp8.file_bytes / 2**30 == pytest.approx(641.3, abs=0.05)
    assert fp8.file_bytes * 1.02 / 2**30 == pytest.approx(654.2, abs=0.1)
    assert models.checkpoint("fp4") is None
    assert "configuration_deepseek.py" in models.companion_files()


@pytest.mark.parametrize(
    ("name", "checkpoint", "full"),
    [
        ("deepseek-ai/DeepSeek-R1", "fp8", True),
        ("deepseek-ai/DeepSeek-R1-0528", "fp8", True),
        ("deepseek-ai/DeepSeek-V3", "fp8", True),
        ("deepseek-ai/DeepSeek-V3-0324", "fp8", True),
        ("meituan/DeepSeek-R1-Channel-INT8", "int8", True),
        ("deepseek-ai/DeepSeek-R1-Zero", "fp8", False),
        ("deepseek-ai/DeepSeek-R1-Distill-Qwen-32B", "bf16", False),
    ],
)
def test_repositories(name, checkpoint, full):
    found = models.repository(name)
    assert found is not None
    assert (found.checkpoint, found.full) == (checkpoint, full)


def test_the_hub_minds_the_case():
    assert models.repository("deepseek-ai/deepseek-r1") is None


def test_a_path_hints_at_its_repository():
    for path in ("/data/DeepSeek-R1", "/data/DeepSeek-R1/", "deepseek-ai/DeepSeek-R1"):
        found = models.repository_of_path(path)
        assert found is not None
        assert found.name == "deepseek-ai/DeepSeek-R1"
    assert models.repository_of_path("/data/model") is None
    assert models.repository_of_path("/") is None


def test_every_repository_has_its_model_and_checkpoint():
    for repository in models.repositories().values():
        assert repository.model in models.models()
        assert models.checkpoint(repository.checkpoint, repository.model) is not None
    directories = [name.rpartition("/")[2] for name in models.repositories()]
    assert len(directories) == len(set(directories))


REFERENCES = [
    ("lmsysorg/sglang:v0.5.9", "docker.io/lmsysorg/sglang", "v0.5.9", None),
    ("docker.io/lmsysorg/sglang", "docker.io/lmsysorg/sglang", None, None),
    ("index.docker.io/k8smirror/lws:v0.9.0", "docker.io/k8smirror/lws", "v0.9.0", None),
    ("k8smirror/lws", "docker.io/k8smirror/lws", None, None),
    ("nginx", "docker.io/library/nginx", None, None),
    ("localhost:5000/a/b:c", "localhost:5000/a/b", "c", None),
    ("ccr.ccs.tencentyun.com/llm/sglang@sha256:ab", "ccr.ccs.tencentyun.com/llm/sglang", None, "sha256:ab"),
    ("registry.k8s.io/lws/lws:v0.5.1@sha256:ab", "registry.k8s.io/lws/lws", "v0.5.1", "sha256:ab"),
]


@pytest.mark.parametrize(("text", "repository", "tag", "digest"), REFERENCES, ids=[row[0] for row in REFERENCES])
def test_image_references(text, repository, tag, digest):
    found = images.reference(text)
    assert (found.repository, found.tag, found.digest) == (repository, tag, digest)


@given(st.text())
def test_any_text_is_read_as_a_reference(text):
    assert images.reference(text).repository


@pytest.mark.parametrize(
    ("text", "pinned"),
    [
        ("a/b", False),
        ("a/b:latest", False),
        ("a/b:main", False),
        ("a/b:nightly-dev-20250901", False),
        ("a/b:v0.5.9", True),
        ("a/b:latest@sha256:ab", True),
    ],
)
def test_pinned_images(text, pinned):
    assert images.reference(text).is_pinned == pinned


def test_known_images():
    def role(text):
        found = images.likely_image(images.reference(text))
        return (found.role, found.name) if found else None

    assert role("lmsysorg/sglang:v0.5.9") == ("engine", "sglang")
    assert role("ccr.ccs.tencentyun.com/llm/sglang:v0.5.9") == ("engine", "sglang")
    assert role("imroc/open-webui:main") == ("client", "open-webui")
    assert role("openwebui/open-webui:0.6.5") == ("client", "open-webui")
    assert role("vllm/vllm-openai:v0.8.0") == ("engine", "vllm")
    assert role("nginx") is None
    assert images.image(images.reference("ccr.ccs.tencentyun.com/llm/sglang")) is None


@pytest.mark.parametrize(
    ("host", "mainland"),
    [
        ("docker.io", "yes"),
        ("registry.k8s.io", "no"),
        ("gcr.io", "no"),
        ("us-central1-docker.pkg.dev", "no"),
        ("ghcr.io", "unreliable"),
        ("quay.io", "unreliable"),
        ("ccr.ccs.tencentyun.com", "yes"),
        ("llm.tencentcloudcr.com", "yes"),
        ("tencentcloudcr.com.example.org", None),
        ("registry.example.org", None),
    ],
)
def test_registries(host, mainland):
    found = images.registry(host)
    assert (found.mainland if found else None) == mainland


@pytest.mark.parametrize(
    ("driver", "cuda", "works"),
    [
        ("550.54.15", "12.4", True),
        ("535.216.01", "12.4", False),
        ("525.60.13", "12.1", True),
        ("470.182.03", "12.1", False),
        ("470.182.03", "12.4", False),
        ("570.1", "13.0", False),
        ("580.126.20", "13.0", True),
        ("580.126.20", "9.0", None),
        ("newest", "12.4", None),
    ],
)
def test_drivers(driver, cuda, works):
    assert nodes.driver_supports(driver, cuda) is works


@pytest.mark.parametrize(
    ("text", "recent"),
    [
        ("TencentOS Server 3.1 (TK4)", True),
        ("TencentOS Server 3.1 (TK4) UEFI", True),
        ("TencentOS Server 4", True),
        ("tencentos4", True),
        ("TencentOS Server 2.4 (TK4)", False),
        ("Ubuntu Server 22.04 LTS 64bit", True),
        ("Ubuntu Server 18.04.1 LTS 64bit", False),
        ("CentOS 7.6 64bit", False),
        ("Windows Server 2022", None),
    ],
)
def test_operating_systems(text, recent):
    found = nodes.operating_system(text)
    assert (found.recent if found else None) == recent


def test_disks_and_labels():
    assert (nodes.disks().default_gb, nodes.disks().advised_gb) == (50, 200)
    assert {row.nodes for row in nodes.labels()} == {"all", "gpu", "native", "regular"}
    assert any(row.key == "nvidia-device-enable" and row.value == "enable" for row in nodes.labels())
    assert nodes.newest_driver() >= versions.parse("580.126.20")


def test_operators():
    found = operators.operator_of("monitoring.coreos.com/v1")
    assert found is not None
    assert "PodMonitor" in found.kinds
    assert operators.operator_of("apps/v1") is None
    assert operators.operator_of("v1") is None


def test_values_that_the_server_refuses():
    pod = {
        "restartPolicy": "always",
        "dnsPolicy": "",
        "tolerations": [{"operator": "Exist", "effect": "NoSchedule"}, None, "x"],
        "volumes": [{"emptyDir": {"medium": "memory"}}, {"emptyDir": {"medium": "HugePages-2Mi"}}],
        "containers": [{"imagePullPolicy": "always", "ports": [{"protocol": "tcp"}]}],
        "initContainers": [{"imagePullPolicy": "Never"}],
    }
    assert {(item.path, item.value) for item in enumerations.refused("PodSpec", pod)} == {
        (("restartPolicy",), "always"),
        (("tolerations", 0, "operator"), "Exist"),
        (("volumes", 0, "emptyDir", "medium"), "memory"),
        (("containers", 0, "imagePullPolicy"), "always"),
        (("containers", 0, "ports", 0, "protocol"), "tcp"),
    }


@pytest.mark.parametrize(
    ("kind", "node", "path"),
    [
        ("Service", {"spec": {"type": "ClusterIp"}}, ("spec", "type")),
        ("PersistentVolumeClaim", {"spec": {"accessModes": ["RWX"]}}, ("spec", "accessModes", 0)),
        ("StorageClass", {"reclaimPolicy": "Recycle"}, ("reclaimPolicy",)),
        ("StorageClass", {"volumeBindingMode": "immediate"}, ("volumeBindingMode",)),
        ("StatefulSet", {"spec": {"podManagementPolicy": "parallel"}}, ("spec", "podManagementPolicy")),
        ("CronJob", {"spec": {"concurrencyPolicy": "forbid"}}, ("spec", "concurrencyPolicy")),
    ],
)
def test_kinds_have_closed_lists(kind, node, path):
    assert [item.path for item in enumerations.refused(kind, node)] == [path]


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["spec", "containers", "volumes", "type", "ports", "x"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(st.sampled_from(["PodSpec", "Service", "StatefulSet", "LabelSelector", "Nothing"]), anything)
def test_wrong_types_are_skipped(owner, node):
    enumerations.refused(owner, node)


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("v1.9.0", "v1.28.3-tke.3"),
        ("0.4.3", "0.4.3.post2"),
        ("0.5.0rc1", "0.5.0"),
        ("v1.30.0-rc.1", "v1.30.0"),
        ("550.54.15", "580.126.20"),
        ("12.4", "12.10"),
    ],
)
def test_versions_are_numbers(older, newer):
    assert versions.parse(older) < versions.parse(newer)
    assert versions.at_least(newer, older) is True
    assert versions.at_least(older, newer) is False


def test_a_vendor_suffix_does_not_count():
    assert versions.parse("v1.28.3-tke.3") == versions.parse("1.28.3") == versions.parse("v1.28.3+k3s1")
    assert versions.parse("v1.28.3-tke.3").minor == (1, 28)


@pytest.mark.parametrize("text", ["", "latest", "v", "1.28.x", "1..2", "28-", "v1.2.3.4.5", "1.2.3 4", "٣.١"])
def test_what_is_no_version(text):
    assert versions.parse(text) is None
    assert versions.at_least(text, "1.0") is None


@given(st.text())
def test_any_text_may_be_asked_for_its_version(text):
    versions.parse(text)
