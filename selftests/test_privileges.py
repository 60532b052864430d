"""What a pod may do, as words."""

from typing import Any

import pytest

from seatrial.live.privileges import privileges


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, set()),
        ({"hostNetwork": True, "hostPID": False, "hostIPC": "yes"}, {"hostNetwork"}),
        ({"volumes": [{"name": "a", "hostPath": {"path": "/dev"}}, {"name": "b", "emptyDir": {}}]}, {"hostPath /dev"}),
        ({"containers": [{"name": "c", "securityContext": {"privileged": True}}]}, {"container c: privileged"}),
        ({"initContainers": [{"name": "i", "securityContext": {"capabilities": {"add": ["CAP_NET_ADMIN"]}}}]}, {"container i: capability NET_ADMIN"}),
        ({"containers": [{"name": "c", "securityContext": {"capabilities": {"add": "ALL", "drop": ["ALL"]}}}]}, set()),
        ({"volumes": "x", "containers": [None, {"name": "c", "securityContext": []}]}, set()),
    ],
)  # fmt: skip
def test_privileges(spec: dict[str, Any], expected: set[str]) -> None:
    assert privileges(spec) == expected
