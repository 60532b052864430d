"""Selectors, affinity and tolerations are read as the scheduler reads them."""

import pytest

from seatrial.manifest_set import load_texts
from seatrial.manifests.workloads import PodTemplate
from seatrial.nodes.scheduling import ABSENT, INSTANCE_TYPE, Absent, allowed_values, fit, tolerates
from seatrial.target import Target
from seatrial.target.fact_types import Taint

NODE = {INSTANCE_TYPE: "PNV6.32XLARGE1280", "gpus": "8"}


def template(spec: str) -> PodTemplate:
    text = f"apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec: {spec}\n"
    return load_texts("set", {"pod.yaml": text}, Target.empty()).pod_templates[0]


def affinity(*terms: str) -> PodTemplate:
    required = f"requiredDuringSchedulingIgnoredDuringExecution: {{nodeSelectorTerms: [{', '.join(terms)}]}}"
    return template(f"{{affinity: {{nodeAffinity: {{{required}}}}}}}")


def term(key: str, operator: str, *values: str) -> str:
    quoted = ", ".join(f'"{value}"' for value in values)
    return f"{{matchExpressions: [{{key: {key}, operator: {operator}, values: [{quoted}]}}]}}"


def label(key: str) -> str | Absent | None:
    return None if key == "unknown" else NODE.get(key, ABSENT)


@pytest.mark.parametrize(
    ("operator", "values", "fits"),
    [
        ("In", ("8", "4"), True),
        ("In", ("4",), False),
        ("NotIn", ("4",), True),
        ("NotIn", ("8",), False),
        ("Exists", (), True),
        ("DoesNotExist", (), False),
        ("Gt", ("4",), True),
        ("Gt", ("8",), False),
        ("Lt", ("9",), True),
        ("Lt", ("many",), False),
        ("Equals", ("8",), False),
    ],
)
def test_operators_of_affinity(operator: str, values: tuple[str, ...], fits: bool) -> None:
    assert (not fit(affinity(term("gpus", operator, *values)), label).broken) is fits


@pytest.mark.parametrize(
    ("operator", "fits"), [("NotIn", True), ("DoesNotExist", True), ("Exists", False), ("In", False)]
)
def test_labels_that_a_node_does_not_have(operator: str, fits: bool) -> None:
    assert (not fit(affinity(term("rack", operator, "a")), label).broken) is fits


def test_one_term_of_several_has_to_hold() -> None:
    bad, good, unknown = term("gpus", "In", "4"), term("gpus", "In", "8"), term("unknown", "Exists")
    assert fit(affinity(bad, good), label).broken == ()
    assert fit(affinity(good, unknown), label).unknown == ()
    assert [demand.key for demand in fit(affinity(bad, unknown), label).unknown] == ["unknown"]
    assert len(fit(affinity(bad, bad), label).broken) == 2


def test_all_entries_of_a_selector_have_to_hold() -> None:
    found = fit(template('{nodeSelector: {gpus: "8", rack: a, unknown: b}}'), label)
    assert [demand.key for demand in found.broken] == ["rack"]
    assert [demand.key for demand in found.unknown] == ["unknown"]


def test_values_that_selector_or_affinity_leave() -> None:
    assert [value for value, _ in allowed_values(template("{nodeSelector: {gpus: a}}"), "gpus")] == ["a"]
    assert [value for value, _ in allowed_values(affinity(term("gpus", "In", "4", "8")), "gpus")] == ["4", "8"]
    assert allowed_values(affinity(term("gpus", "In", "4"), term("rack", "Exists")), "gpus") == []
    assert allowed_values(affinity(term("gpus", "NotIn", "4")), "gpus") == []


@pytest.mark.parametrize(
    ("toleration", "holds"),
    [
        ("{operator: Exists}", True),
        ("{key: gpu, operator: Exists}", True),
        ("{key: gpu, operator: Exists, effect: NoSchedule}", True),
        ("{key: gpu, operator: Exists, effect: NoExecute}", False),
        ("{key: gpu, value: present}", True),
        ("{key: gpu, value: other}", False),
        ("{key: gpu}", False),
        ("{key: other, operator: Exists}", False),
        ("null", False),
        ("[gpu]", False),
    ],
)
def test_tolerations(toleration: str, holds: bool) -> None:
    assert tolerates(template(f"{{tolerations: [{toleration}]}}"), Taint("gpu", "present", "NoSchedule")) is holds


@pytest.mark.parametrize("spec", ["null", "[]", "{nodeSelector: [a]}", "{affinity: {nodeAffinity: 5}, tolerations: x}"])
def test_wrong_types_ask_for_nothing(spec: str) -> None:
    assert fit(template(spec), label).broken == ()
    assert not tolerates(template(spec), Taint("gpu", "", "NoSchedule"))
