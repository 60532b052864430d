"""CLU: cluster and region facts."""

from seatrial.finding import Finding
from seatrial.knowledge import regions
from seatrial.knowledge.versions import at_least
from seatrial.manifest_set import ManifestSet
from seatrial.nodes.stock import sold_in
from seatrial.requirement import Outcomes, requirement

OLDEST = "1.28"
GUIDE = "imroc/tke-guide: SGLang DeepSeek-R1 guide"


@requirement(
    "CLU-01",
    why="The deployment needs nodes, add-ons and privileged pods that other cluster types lack.",
    fix="Use a TKE standard cluster.",
    source=GUIDE,
)
def test_cluster_is_a_standard_cluster(deployment: ManifestSet) -> Outcomes:
    """The cluster MUST be a TKE standard cluster."""
    kind = deployment.target.need("cluster.type")
    if kind != "standard":
        yield Finding(deployment.target.place("cluster.type"), f"cluster type {kind}", "a standard cluster")


@requirement(
    "CLU-02",
    why="Label apps.kubernetes.io/pod-index, by which ranks and selectors are often made, exists from 1.28 on.",
    fix="Upgrade the cluster; newer versions are advisable.",
    source=GUIDE,
)
def test_kubernetes_is_recent(deployment: ManifestSet) -> Outcomes:
    """Kubernetes SHOULD be at least 1.28."""
    version = deployment.target.need("kubernetes.version")
    if not at_least(version, OLDEST):
        yield Finding(deployment.target.place("kubernetes.version"), f"Kubernetes {version}", f"{OLDEST} or newer")


@requirement(
    "CLU-03",
    why="The guide found A10 and A100 on sale in these regions only; other GPUs and later dates may differ.",
    fix="Choose one of these regions, or state under [stock] where your instance type is on sale.",
    source=GUIDE,
)
def test_region_sells_the_gpus(deployment: ManifestSet) -> Outcomes:
    """The region SHOULD be one of Guangzhou, Shanghai, Nanjing, Beijing."""
    stated = deployment.target.need("cluster.region")
    region = regions.region(stated)
    if (region is None or not region.guide) and not sold_in(deployment, stated):
        wanted = ", ".join(known.name for known in regions.regions().values() if known.guide)
        yield Finding(deployment.target.place("cluster.region"), f"region {stated}", wanted)
