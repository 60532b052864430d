"""Network interfaces: how many a role's pods see, and which names libraries take for one."""

import re

from seatrial.workload.serving import Role

# Linux names of at most 15 characters, IFNAMSIZ; Gloo takes one of them and knows no lists, prefixes or exclusions.
_CONCRETE = re.compile(r"[^\s/:,^*?=!]{1,15}")
# Annotations by which a pod gets more than one interface, as a list with commas.
_NETWORKS = ("k8s.v1.cni.cncf.io/networks", "tke.cloud.tencent.com/networks")


def is_concrete(name: str) -> bool:
    """Whether a value is one interface that leads out of the pod."""
    return name != "lo" and _CONCRETE.fullmatch(name) is not None


def has_several_interfaces(role: Role) -> bool:
    """Whether the pod sees more than one interface beside loopback: the node's, or additional networks."""
    if role.template.spec["hostNetwork"].boolean is True:
        return True
    multus, tke = (role.template.annotations.get(key, "") for key in _NETWORKS)
    return bool(multus.strip()) or "," in tke
