"""Host ports and interfaces: what clashes, which pods share a node, which names are concrete."""

import pytest

from seatrial.manifest_set import ManifestSet, load_texts
from seatrial.network.host_ports import HostPort, can_meet, host_pods, pairs
from seatrial.network.interfaces import is_concrete
from seatrial.target import Target
from seatrial.workload.engine_variables import engine_variable
from seatrial.workload.serving import groups

SGLANG = """
apiVersion: v1
kind: Pod
metadata: {{name: {name}, labels: {{app: {name}}}}}
spec:
  hostNetwork: true
  {spec}
  containers:
  - name: c
    image: lmsysorg/sglang:v0.5.9
    command: {command}
    env: {env}
    resources: {{limits: {{nvidia.com/gpu: "4"}}}}
"""
LAUNCH = "[python3, -m, sglang.launch_server, --port, '{port}', --dist-init-addr, 'x:5000']"


def _pod(name: str, port: int = 8000, spec: str = "tolerations: []", command: str = "", env: str = "[]") -> str:
    return SGLANG.format(name=name, spec=spec, command=command or LAUNCH.format(port=port), env=env)


def _set(*pods: str, **facts: object) -> ManifestSet:
    target = Target.empty().override({name.replace("__", "."): value for name, value in facts.items()})
    return load_texts("set", {"all.yaml": "\n---\n".join(pods)}, target)


def _port(number: int, declared: bool = False, last: int = 0, protocol: str = "TCP") -> HostPort:
    place = _set(_pod("a")).documents[0].root
    return HostPort(number, place, declared, protocol, last)


@pytest.mark.parametrize(
    ("one", "other", "clash"),
    [
        (_port(80), _port(80), True),
        (_port(80), _port(81), False),
        (_port(80), _port(80, protocol="UDP"), False),
        (_port(80, declared=True), _port(80), True),
        (_port(100, last=200), _port(150), True),
        (_port(100, last=200), _port(201), False),
        (_port(100, last=200), _port(150, last=300), False),
    ],
    ids=str,
)
def test_which_ports_clash(one: HostPort, other: HostPort, clash: bool) -> None:
    assert one.clashes(other) is clash
    assert other.clashes(one) is clash


@pytest.mark.parametrize(
    ("spec", "facts", "answer"),
    [
        ("tolerations: []", {"pool__gpus_per_node": 8}, True),
        ("tolerations: []", {"pool__gpus_per_node": 4}, False),
        ("tolerations: []", {"pool__instance_type": "PNV6.32XLARGE1280"}, True),
        ("tolerations: []", {}, None),
        ("nodeSelector: {node.kubernetes.io/instance-type: PNV6.32XLARGE1280}", {}, True),
        ("nodeSelector: {node.kubernetes.io/instance-type: eklet}", {"pool__gpus_per_node": 8}, False),
        ("nodeSelector: {zone: b}", {"pool__gpus_per_node": 8}, False),
        (
            "affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: "
            "{nodeSelectorTerms: [{matchExpressions: [{key: zone, operator: In, values: [b, c]}]}]}}}",
            {"pool__gpus_per_node": 8},
            False,
        ),
        (
            "affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: "
            "[{topologyKey: kubernetes.io/hostname, labelSelector: {matchLabels: {app: a}}}]}}",
            {"pool__gpus_per_node": 8},
            False,
        ),
    ],
)
def test_which_pods_can_meet(spec: str, facts: dict[str, object], answer: bool | None) -> None:
    manifests = _set(_pod("a", spec="nodeSelector: {zone: a}"), _pod("b", spec=spec), **facts)
    ((one, other),) = pairs(manifests)
    assert can_meet(manifests, one, other) is answer


@pytest.mark.parametrize(
    ("tolerations", "answer"),
    [
        ("[]", False),
        ("[{operator: Exists}]", True),
        ("[{key: nvidia.com/gpu, operator: Exists, effect: NoSchedule}]", True),
        ("[{key: nvidia.com/gpu, value: present}]", True),
        ("[{key: nvidia.com/gpu, value: absent}]", False),
        ("[{key: other, operator: Exists}]", False),
    ],
)
def test_a_pod_without_gpus_has_to_tolerate_the_pool(tolerations: str, answer: bool) -> None:
    plain = f"""
apiVersion: v1
kind: Pod
metadata: {{name: b}}
spec:
  tolerations: {tolerations}
  containers: [{{name: c, image: i, ports: [{{containerPort: 1, hostPort: 5000}}]}}]
"""
    manifests = _set(_pod("a"), plain, pool__taints=["nvidia.com/gpu=present:NoSchedule"])
    ((one, other),) = pairs(manifests)
    assert can_meet(manifests, one, other) is answer


def test_the_scheduler_keeps_declared_ports_apart() -> None:
    spec = "{{containers: [{{ports: [{{hostPort: {port}}}]}}]}}"
    plain = f"apiVersion: v1\nkind: Pod\nmetadata: {{{{name: {{name}}}}}}\nspec: {spec}"
    for port, answer in ((5000, False), (5001, True)):
        manifests = _set(plain.format(name="a", port=5000), plain.format(name="b", port=port))
        ((one, other),) = pairs(manifests)
        assert can_meet(manifests, one, other) is answer


def test_ports_of_an_engine() -> None:
    (pod,) = host_pods(_set(_pod("a")))
    assert [str(port) for port in pod.ports] == ["8000", "5000"]
    alone = _pod("a", command="[python3, -m, sglang.launch_server, --port, '8000']")
    (pod,) = host_pods(_set(alone))
    assert [str(port) for port in pod.ports] == ["8000", "8100-9000"]


@pytest.mark.parametrize("name", ["eth0", "bond0.100", "enp0s5", "eth0@if3"])
def test_concrete_names(name: str) -> None:
    assert is_concrete(name)


@pytest.mark.parametrize("name", ["", "lo", "^lo,docker0", "eth0,eth1", "eth*", "=eth0", "an-interface-too-long"])
def test_names_that_gloo_does_not_find(name: str) -> None:
    assert not is_concrete(name)


@pytest.mark.parametrize(
    ("script", "env", "found"),
    [
        ("", "[]", None),
        ("", "[{name: GLOO_SOCKET_IFNAME, value: eth0}]", "eth0"),
        ("export GLOO_SOCKET_IFNAME=eth1; ", "[]", "eth1"),
        ("export GLOO_SOCKET_IFNAME=eth1; ", "[{name: GLOO_SOCKET_IFNAME, value: eth0}]", "eth1"),
        ("GLOO_SOCKET_IFNAME=eth1; ", "[]", None),
        ("export GLOO_SOCKET_IFNAME=$(ip route | cut -c 3-); ", "[]", "?"),
        ("unset GLOO_SOCKET_IFNAME; ", "[{name: GLOO_SOCKET_IFNAME, value: eth0}]", None),
        ("if test -e /sys/class/net/eth1; then export GLOO_SOCKET_IFNAME=eth1; fi; ", "[]", "maybe"),
        ("if test -e /a; then export GLOO_SOCKET_IFNAME=eth1; fi; ", "[{name: GLOO_SOCKET_IFNAME, value: eth0}]", "?"),
    ],
)
def test_the_interface_may_be_set_by_the_script(script: str, env: str, found: str | None) -> None:
    command = f"[bash, -c, '{script}exec python3 -m sglang.launch_server --model-path /m']"
    (group,) = groups(_set(_pod("a", command=command, env=env)))
    result = engine_variable(group.leader, "GLOO_SOCKET_IFNAME")
    assert (result and (result.value or ("?" if result.certain else "maybe"))) == found
