"""The facts a target may state, declared once: type, meaning, example. Documentation and messages derive from here."""

import difflib
import functools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from seatrial.target.fact_types import TYPES, Form, WrongValue, quoted


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact. In `name`, `<...>` stands for a key of the user's and `[]` for every entry of an array of tables.

    `type` is a key of `fact_types.TYPES`, `example` a TOML value, `values` the closed list of a word, if there is one.
    """

    name: str
    type: str
    meaning: str
    example: str
    values: tuple[str, ...] = ()

    def check(self, value: object) -> Any:
        """`value` as rules read it; a fact of an array of tables has one for each entry. Raises WrongValue."""
        one, form = TYPES[self.type], Form(self.example, self.values)
        if "[]" not in self.name:
            return one(value, form)
        if not isinstance(value, list | tuple) or not value:
            raise WrongValue(f"a list with one value for each entry, such as [{self.example}]")
        return tuple(one(item, form) for item in value)

    def entry(self, name: str) -> str:
        """The line of seatrial.toml that states this fact under its full `name`."""
        if "[]." in self.name:
            table, key = self.name.split("[].")
            section, _, array = table.rpartition(".")
            return f"[{section}] {array} = [{{ {key} = {self.example} }}]"
        section, _, key = name.rpartition(".")
        return f"[{section}] {key} = {self.example}"


FACTS: tuple[Fact, ...] = (
    Fact("kubernetes.version", "release", "version of the API server", '"v1.34.1-tke.8"'),
    Fact("kubernetes.gates", "strings", "feature gates that are switched on", '["StatefulSetStartOrdinal"]'),
    Fact(
        "cluster.type",
        "word",
        "type of the TKE cluster",
        '"standard"',
        ("standard", "serverless", "edge", "registered"),
    ),
    Fact("cluster.region", "string", "region, as the console names it", '"ap-guangzhou"'),
    Fact("cluster.vpc", "string", "id of the cluster's VPC", '"vpc-7h2k9d1q"'),
    Fact("cluster.ccns", "strings", "cloud networks (CCN) the VPC is attached to", '["ccn-1a2b3c4d"]'),
    Fact("cluster.addons", "strings", "installed add-ons", '["CFSTurbo"]'),
    Fact("cluster.ip_families", "words", "address families of pods", '["IPv4"]', ("IPv4", "IPv6")),
    Fact("namespace.<name>.labels", "labels", "labels of a namespace", '{ istio-injection = "disabled" }'),
    Fact("pool.type", "word", "kind of the GPU pool's nodes", '"native"', ("native", "regular", "super", "registered")),
    Fact("pool.instance_type", "string", "instance type of the nodes", '"PNV6.32XLARGE1280"'),
    Fact("pool.gpu_model", "string", "GPU model", '"H20-96"'),
    Fact("pool.gpus_per_node", "count", "GPUs of one node", "8"),
    Fact("pool.nodes", "count", "nodes of the pool", "2"),
    Fact("pool.free_gpus", "count", "GPUs of the pool that nothing else uses", "16"),
    Fact("pool.os", "string", "operating system image", '"TencentOS Server 3.1 (TK4)"'),
    Fact("pool.system_disk_gb", "number", "system disk, GB", "200"),
    Fact("pool.data_disk_gb", "number", "data disk, GB", "200"),
    Fact("pool.driver", "version", "NVIDIA driver of the nodes", '"580.126.20"'),
    Fact("pool.labels", "labels", "labels of the nodes", '{ nvidia-device-enable = "enable" }'),
    Fact("pool.taints", "taints", "taints of the nodes", '["nvidia.com/gpu=present:NoSchedule"]'),
    Fact("pool.public_network", "flag", "whether the nodes reach the public network", "true"),
    Fact("pool.subnets[].zone", "string", "zone of each subnet of the pool", '"ap-guangzhou-6"'),
    Fact("pool.billing", "word", "how super nodes are paid for", '"pay-as-you-go"', ("pay-as-you-go", "subscription")),
    Fact("stock.<zone>", "strings", "instance types on sale in a zone", '["PNV6.32XLARGE1280"]'),
    Fact("cfs.series", "word", "series of the file system", '"turbo"', ("turbo", "general")),
    Fact("cfs.tier", "word", "tier of a Turbo file system", '"high-performance"', ("standard", "high-performance")),
    Fact("cfs.capacity_tib", "number", "capacity of the file system, TiB", "20"),
    Fact("cfs.region", "string", "region of the file system", '"ap-guangzhou"'),
    Fact("cfs.zone", "string", "zone of the file system", '"ap-guangzhou-6"'),
    Fact("cfs.network", "word", "network of the mount point", '"vpc"', ("vpc", "ccn")),
    Fact("cfs.vpc", "string", "VPC of the mount point", '"vpc-7h2k9d1q"'),
    Fact("cfs.ccn", "string", "cloud network (CCN) of the mount point", '"ccn-1a2b3c4d"'),
    Fact("cfs.subnet_zone", "string", "zone of the mount point's subnet", '"ap-guangzhou-6"'),
    Fact("cfs.fsid", "string", "mount-point id, eight hexadecimal digits", '"7c9e2b40"'),
    Fact("cfs.host", "string", "IPv4 address of the mount point", '"10.0.16.5"'),
    Fact("cfs.read_gb_s", "number", "rate at which one node reads, GB/s", "2.0"),
    Fact("lws.version", "release", "release of the LWS controller", '"0.9.0"'),
    Fact("lws.crd_version", "release", "release that the installed CRD comes from", '"0.9.0"'),
    Fact("lws.release", "string", "name of the installed release or application", '"lws"'),
    Fact("lws.namespace", "string", "namespace of the controller", '"lws-system"'),
    Fact("lws.image", "string", "image of the controller", '"docker.io/k8smirror/lws:v0.9.0"'),
    Fact("lws.source", "word", "where the install came from", '"market"', ("market", "project", "third-party")),
    Fact("lws.install", "word", "how it was installed", '"helm"', ("market", "helm", "kubectl")),
    Fact("lws.upgrade_to", "release", "release of a planned upgrade", '"0.10.0"'),
    Fact("lws.crd_kept", "flag", "whether the CRD has helm.sh/resource-policy: keep", "true"),
    Fact("lws.scheduler_provider", "word", "gang scheduler in the controller's config", '"none"', ("none", "volcano")),
    Fact("engine.name", "word", "engine in an image that does not say it", '"sglang"', ("sglang", "other")),
    Fact("engine.version", "release", "SGLang version behind a tag that does not say it", '"0.5.9"'),
    Fact("engine.cuda", "version", "CUDA version of the image", '"12.9"'),
    Fact("model.checkpoint", "word", "form of the weights", '"fp8"', ("fp8", "bf16", "int8", "awq")),
    Fact("model.repository", "string", "repository of the weights", '"deepseek-ai/DeepSeek-R1"'),
    Fact("download.mbit_s", "number", "bandwidth of the downloading node, Mbit/s", "1000"),
    Fact("registry.allow", "strings", "registries the nodes can pull from", '["ccr.ccs.tencentyun.com"]'),
    Fact("registry.deny", "strings", "registries the nodes cannot pull from", '["ghcr.io"]'),
    Fact("gateway.controller", "string", "controller behind Ingress or HTTPRoute", '"envoy-gateway"'),
    Fact("existing.services", "objects", "Services outside the set", '["gateway/openai:80"]'),
    Fact("existing.claims", "objects", "PersistentVolumeClaims outside the set", '["llm/ai-model"]'),
    Fact("existing.storage_classes", "objects", "StorageClasses outside the set", '["cbs"]'),
    Fact("existing.secrets", "objects", "Secrets outside the set", '["llm/openai-key"]'),
    Fact("existing.config_maps", "objects", "ConfigMaps outside the set", '["llm/engine-env"]'),
)


@functools.cache
def _patterns() -> tuple[tuple[re.Pattern[str], Fact], ...]:
    return tuple(
        (re.compile(re.sub(r"<\w+>", r"[^.]+", re.escape(fact.name))), fact) for fact in FACTS if "<" in fact.name
    )


@functools.cache
def _plain() -> Mapping[str, Fact]:
    return {fact.name: fact for fact in FACTS if "<" not in fact.name}


@functools.lru_cache(1024)
def find(name: str) -> Fact | None:
    """The declaration behind a full name, None if no fact is called so."""
    return _plain().get(name) or next((fact for pattern, fact in _patterns() if pattern.fullmatch(name)), None)


def declared(name: str) -> Fact:
    """The declaration behind a full name. Raises KeyError naming the closest one: a rule asks for no such fact."""
    fact = find(name)
    if fact is None:
        raise KeyError(f"no fact is called {name!r}; the closest one is {closest(name) or FACTS[0].name!r}")
    return fact


def closest(name: str) -> str | None:
    """The declared name most like `name`, first in its own table, then everywhere; None when nothing is."""
    section, _, key = name[:100].partition(".")
    own = {fact.name.partition(".")[2]: fact.name for fact in FACTS if fact.name.partition(".")[0] == section}
    if own:
        matches = difflib.get_close_matches(key, own, n=1)
        elsewhere = [fact.name for fact in FACTS if fact.name.partition(".")[2] == key]
        return own[matches[0]] if matches else next(iter(elsewhere), None)
    matches = difflib.get_close_matches(name[:100], [fact.name for fact in FACTS], n=1, cutoff=0.7)
    return matches[0] if matches else None


def unknown(name: str) -> str:
    """A message about a key that no fact has: the closest one, else those of its table, else the tables."""
    best, shown = closest(name), quoted(name)[1:-1]
    if best:
        return f"unknown key `{shown}`, did you mean `{best}`?"
    section = name.partition(".")[0]
    keys = [fact.name.removeprefix(section + ".") for fact in FACTS if fact.name.startswith(section + ".")]
    if keys:
        return f"unknown key `{shown}`; the keys of [{section}] are {', '.join(keys)}"
    sections: Iterator[str] = (fact.name.partition(".")[0] for fact in FACTS)
    return f"unknown key `{shown}`; the tables are {', '.join(dict.fromkeys((*sections, 'waiver')))}"
