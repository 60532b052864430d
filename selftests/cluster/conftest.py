"""Real clusters for the tests below: `kwok` is one that all share, so leave it as you found it.

Programs are found like anywhere else: in the cache of the user, or in the folder that SEATRIAL_TEST_ASSETS names.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from seatrial.clusters import leftovers
from seatrial.clusters.kwok import Kwok
from seatrial.clusters.leftovers import Run
from seatrial.clusters.provider import Cluster

GPUS = {"cpu": "384", "memory": "2Ti", "pods": "110", "ephemeral-storage": "3Ti", "nvidia.com/gpu": "8"}


def node(name: str, zone: str = "800004", **labels: str) -> dict[str, Any]:
    """A node as TKE has it, in short: eight GPUs, a region and a zone."""
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": "linux",
                "kubernetes.io/arch": "amd64",
                "topology.kubernetes.io/region": "bj",
                "topology.kubernetes.io/zone": zone,
                **labels,
            },
            "annotations": {"kwok.x-k8s.io/node": "fake"},
        },
        "status": {"capacity": GPUS, "allocatable": GPUS},
    }


@pytest.fixture(scope="session")
def asset_folders() -> tuple[Path, ...]:
    given = os.environ.get("SEATRIAL_TEST_ASSETS")
    return (Path(given),) if given else ()


@pytest.fixture(scope="session")
def run() -> Iterator[Run]:
    leftovers.sweep()
    with Run.begin() as run:
        yield run


@pytest.fixture(scope="session")
def kwok_provider(run: Run, asset_folders: tuple[Path, ...]) -> Iterator[Kwok]:
    """The shared cluster's provider, for experiments that end as they began."""
    provider = Kwok("0.9.0", [node(f"node-{n}") for n in range(8)], asset_folders=asset_folders, run=run)
    try:
        provider.start()
        yield provider
    finally:
        provider.stop()


@pytest.fixture(scope="session")
def kwok(kwok_provider: Kwok) -> Cluster:
    """A cluster with LWS 0.9.0 and 8 nodes of 8 GPUs, shared by all tests of a session."""
    return kwok_provider.running
