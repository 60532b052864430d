"""What a cluster can show. Requirements ask for these, never for a provider by name."""

from enum import StrEnum


class Capability(StrEnum):
    """Something that has to be there before a requirement can be decided."""

    DRY_RUN = "dry-run"
    DISRUPT = "disrupt"
    CONTROL = "control"
    CONTAINERS = "containers"
    LOGS = "logs"
    IN_CLUSTER_LWS = "in-cluster-lws"
    HARDWARE = "hardware"
    TKE = "tke"
    DNS = "dns"
    DATAPLANE = "dataplane"
    NETWORK_POLICY = "networkpolicy"


# Capability → what it means, why a cluster may lack it, and what would supply it.
MEANING: dict[Capability, tuple[str, str]] = {
    Capability.DRY_RUN: (
        "a server-side dry run asks for the right to create",
        "--deploy, or a cluster of its own: leave out --kubeconfig",
    ),
    Capability.DISRUPT: (
        "this changes or breaks what runs",
        "--disruptive, or a cluster of its own: leave out --kubeconfig",
    ),
    Capability.CONTROL: (
        "this stops controllers or nodes, or makes pods fail, as only the owner of a cluster may",
        "a cluster of its own: leave out --kubeconfig",
    ),
    Capability.CONTAINERS: ("nothing runs inside the pods of this cluster", "a cluster with real nodes: --kubeconfig"),
    Capability.LOGS: ("the pods of this cluster write no log", "a cluster with real nodes: --kubeconfig"),
    Capability.IN_CLUSTER_LWS: (
        "the LWS controller of this cluster runs outside it",
        "a cluster with LWS installed: --kubeconfig",
    ),
    Capability.HARDWARE: ("the nodes of this cluster are only dressed", "the real cluster: --kubeconfig"),
    Capability.TKE: ("this is no TKE cluster", "the real cluster: --kubeconfig"),
    Capability.DNS: ("names do not resolve inside this cluster", "a cluster with real nodes: --kubeconfig"),
    Capability.DATAPLANE: ("no packet flows inside this cluster", "a cluster with real nodes: --kubeconfig"),
    Capability.NETWORK_POLICY: ("this cluster enforces no NetworkPolicy", "a cluster whose network enforces policies"),
}
