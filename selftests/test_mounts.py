"""Paths in containers lead to directories on volumes."""

import pytest

from seatrial.finding import CannotTell
from seatrial.manifest_set import ManifestSet, load_texts
from seatrial.storage.mounts import Directory, absolute, directory, volumes
from seatrial.target import Target

POD = """
apiVersion: v1
kind: Pod
metadata: {{name: {name}}}
spec:
  containers:
  - name: main
    volumeMounts: {mounts}
  volumes: {volumes}
"""
CLAIM = "[{name: a, persistentVolumeClaim: {claimName: model}}, {name: b, persistentVolumeClaim: {claimName: other}}]"


def pods(*manifests: str) -> ManifestSet:
    return load_texts("set", {f"{number}.yaml": text for number, text in enumerate(manifests)}, Target.empty())


def find(manifests: ManifestSet, path: str, pod: int = 0, **variables: str) -> Directory | None:
    template = manifests.pod_templates[pod]
    return directory(manifests, template, template.containers[0], path, variables.get)


def one(mounts: str, path: str, volumes: str = CLAIM, **variables: str) -> Directory | None:
    return find(pods(POD.format(name="p", mounts=mounts, volumes=volumes)), path, **variables)


@pytest.mark.parametrize(
    ("mounts", "path", "store", "below"),
    [
        ("[{name: a, mountPath: /data}]", "/data/DeepSeek-R1", "model", "DeepSeek-R1"),
        ("[{name: a, mountPath: /data/}]", "/data//DeepSeek-R1/", "model", "DeepSeek-R1"),
        ("[{name: a, mountPath: /data}]", "/data", "model", ""),
        ("[{name: a, mountPath: /data, subPath: models}]", "/data/x", "model", "models/x"),
        ("[{name: a, mountPath: /}]", "/data/x", "model", "data/x"),
        ("[{name: a, mountPath: /data}, {name: b, mountPath: /data/x}]", "/data/x/y", "other", "y"),
        ("[{name: b, mountPath: /data/x}, {name: a, mountPath: /data}]", "/data/xy", "model", "xy"),
        ("[{name: a, mountPath: /data}]", "/data/x/../y", "model", "y"),
        ("[{name: a, mountPath: /data, subPathExpr: $(POD)/c}]", "/data/x", "model", "p-0/c/x"),
        ("[{name: a, mountPath: /data, subPathExpr: $$(POD)}]", "/data/x", "model", "$(POD)/x"),
    ],
)
def test_longest_mount_wins(mounts: str, path: str, store: str, below: str) -> None:
    found = one(mounts, path, POD="p-0")
    assert found is not None
    assert (found.store, found.path) == (("claim", "default", store), below)


@pytest.mark.parametrize(
    "mounts",
    ["[]", "[{name: a, mountPath: /database}]", "[{name: nothing, mountPath: /data}]", "5", "[{name: a}]", "[null, 3]"],
)
def test_on_no_volume(mounts: str) -> None:
    assert one(mounts, "/data/x") is None


def test_unknown_variable_in_a_sub_path() -> None:
    with pytest.raises(CannotTell, match="POD"):
        one("[{name: a, mountPath: /data, subPathExpr: $(POD)}]", "/data")


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("persistentVolumeClaim: {claimName: m}", "persistentVolumeClaim: {claimName: m}", True),
        ("persistentVolumeClaim: {claimName: m}", "persistentVolumeClaim: {claimName: n}", False),
        ("hostPath: {path: /data}", "hostPath: {path: /data/}", True),
        ("hostPath: {path: /data}", "hostPath: {path: /data2}", False),
        ("nfs: {server: a, path: /x}", "nfs: {server: a, path: /x}", True),
        ("nfs: {server: a, path: /x}", "nfs: {server: b, path: /x}", False),
        ("emptyDir: {}", "emptyDir: {}", False),
        ("csi: {driver: d, volumeAttributes: {fsid: f}}", "csi: {driver: d, volumeAttributes: {fsid: f}}", True),
    ],
)
def test_two_pods_see_the_same_files(first: str, second: str, same: bool) -> None:
    mounts = "[{name: v, mountPath: /m}]"
    manifests = pods(
        *(
            POD.format(name=name, mounts=mounts, volumes=f"[{{name: v, {source}}}]")
            for name, source in zip("ab", (first, second), strict=True)
        )
    )
    assert (find(manifests, "/m/x", 0) == find(manifests, "/m/x", 1)) is same


def test_where_a_mount_starts_does_not_matter() -> None:
    whole = one("[{name: a, mountPath: /data}]", "/data/models/r1")
    part = one("[{name: a, mountPath: /m, subPath: models}]", "/m/r1")
    assert whole == part


def test_two_claims_bound_to_volumes_of_one_export_are_one_store() -> None:
    static = """
apiVersion: v1
kind: PersistentVolume
metadata: {{name: {name}}}
spec:
  {reference}
  csi: {{driver: d, volumeHandle: {name}, volumeAttributes: {{fsid: f, path: /models}}}}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {{name: {claim}}}
spec: {{storageClassName: "", {volume}}}
"""
    manifests = pods(
        POD.format(name="p", mounts="[{name: a, mountPath: /a}, {name: b, mountPath: /b}]", volumes=CLAIM),
        static.format(name="one", claim="model", reference="", volume="volumeName: one"),
        static.format(name="two", claim="other", reference="claimRef: {namespace: default, name: other}", volume=""),
    )
    first, second = find(manifests, "/a/r1"), find(manifests, "/b/r1")
    assert first is not None
    assert first == second
    assert first.path == "models/r1"


def test_claim_templates_are_volumes_of_their_pod() -> None:
    manifests = pods("""
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: s}
spec:
  template:
    spec:
      containers: [{name: main, volumeMounts: [{name: scratch, mountPath: /s}]}]
  volumeClaimTemplates: [{metadata: {name: scratch}}]
""")
    assert set(volumes(manifests.pod_templates[0])) == {"scratch"}
    found = find(manifests, "/s/x")
    assert found is not None
    assert found.goes_with_pod


@pytest.mark.parametrize(
    ("path", "expected"), [("data", "/data"), ("//data/", "/data"), ("/", "/"), ("/a/./b/..", "/a")]
)
def test_one_spelling(path: str, expected: str) -> None:
    assert absolute(path) == expected
