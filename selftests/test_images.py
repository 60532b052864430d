"""Whether the nodes of a target can pull an image, and what to pull instead."""

from pathlib import Path

import pytest

from seatrial.finding import CannotTell
from seatrial.knowledge.images import reference
from seatrial.manifest_set import ManifestSet, load_texts
from seatrial.target import Target, parse
from seatrial.workload.images import images, mirror, unreachable

POD = """
apiVersion: v1
kind: Pod
spec: {initContainers: [{image: a:1}, 5], containers: [{image: b@sha256:0}, {image: 3}]}
"""


def manifests(facts: str = "") -> ManifestSet:
    return load_texts("set", {"pod.yaml": POD}, parse(facts, Path("seatrial.toml")) if facts else Target.empty())


def test_images_of_all_containers() -> None:
    assert [image.written for image in images(manifests())] == ["a:1", "b@sha256:0"]


@pytest.mark.parametrize(
    ("image", "facts", "reached"),
    [
        ("lmsysorg/sglang:v1", "", True),
        ("index.docker.io/k8smirror/lws:v1", "", True),
        ("ccr.ccs.tencentyun.com/me/sglang:v1", "", True),
        ("me.tencentcloudcr.com/llm/sglang:v1", "", True),
        ("registry.k8s.io/lws/lws:v0.9.0", "", False),
        ("ghcr.io/open-webui/open-webui:1", "", False),
        ("ghcr.io/open-webui/open-webui:1", '[cluster]\nregion = "ap-singapore"', True),
        ("ghcr.io/open-webui/open-webui:1", '[cluster]\nregion = "ap-guangzhou"', False),
        ("ghcr.io/open-webui/open-webui:1", '[registry]\nallow = ["ghcr.io"]', True),
        ("ghcr.io/other/app:1", '[registry]\nallow = ["ghcr.io/open-webui"]', False),
        ("docker.io/library/nginx:1", '[registry]\ndeny = ["docker.io"]', False),
        ("nginx:1", '[registry]\ndeny = ["docker.io"]', False),
        ("harbor.example.com/x:1", '[registry]\nallow = ["example.com"]', True),
    ],
)
def test_reachable(image: str, facts: str, reached: bool) -> None:
    assert (unreachable(manifests(facts), reference(image)) is None) is reached


@pytest.mark.parametrize(
    ("image", "facts"), [("harbor.example.com/x:1", ""), ("ghcr.io/x:1", '[cluster]\nregion = "xx-nowhere"')]
)
def test_nobody_knows(image: str, facts: str) -> None:
    with pytest.raises(CannotTell) as unknown:
        unreachable(manifests(facts), reference(image))
    assert "[registry] allow" in unknown.value.supply


@pytest.mark.parametrize(
    ("image", "instead"),
    [
        ("quay.io/tms/vllm-dev:0.1", "a copy such as quay.tencentcloudcr.com/tms/vllm-dev"),
        ("registry.k8s.io/lws/lws:v0.9.0", "a copy such as docker.io/k8smirror/lws"),
        ("ghcr.io/open-webui/open-webui:v0.6.0", "a copy in a registry of your own"),
        ("example.org/engine:1", "a copy in a registry of your own"),
    ],
)
def test_mirror(image: str, instead: str) -> None:
    assert mirror(reference(image)) == instead
