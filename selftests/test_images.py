"""What to pull instead of an image that nodes do not reach."""

import pytest

from seatrial.images import mirror
from seatrial.knowledge.images import reference


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
