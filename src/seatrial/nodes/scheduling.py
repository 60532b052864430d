"""Which nodes a pod template accepts: selectors, required node affinity and tolerations, as the scheduler reads them.

Nodes are described by what is stated of them, so an answer can be None: the labels that were stated do not tell.

Source: Kubernetes reference, core/v1 NodeSelectorTerm and Toleration; k8s.io/component-helpers/scheduling/corev1.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from seatrial.manifests.document import Node
from seatrial.manifests.workloads import PodTemplate
from seatrial.target.fact_types import Taint

INSTANCE_TYPE = "node.kubernetes.io/instance-type"
INSTANCE_TYPE_KEYS = (INSTANCE_TYPE, "beta.kubernetes.io/instance-type")

Labels = Callable[[str], "str | Absent | None"]
"""The value of a node's label: a text, ABSENT when nodes do not have it, None when that is not known."""


@dataclass(frozen=True, slots=True)
class Absent:
    """The value of a label that a node does not have."""


ABSENT = Absent()


@dataclass(frozen=True, slots=True)
class Demand:
    """One thing that a template asks of a node's label; `place` is where it stands."""

    key: str
    operator: str
    values: tuple[str, ...]
    place: Node

    def met(self, labels: Labels) -> bool | None:
        """Whether a node with these labels meets it; None when the label is not known."""
        value = labels(self.key)
        if value is None:
            return None
        if isinstance(value, Absent):
            return self.operator in ("NotIn", "DoesNotExist")
        match self.operator:
            case "Exists" | "DoesNotExist":
                return self.operator == "Exists"
            case "In" | "NotIn":
                return (value in self.values) == (self.operator == "In")
            case "Gt" | "Lt":
                return _compares(value, self.operator, self.values)
        return False

    def __str__(self) -> str:
        match self.operator:
            case "In" if len(self.values) == 1:
                return f"{self.key}={self.values[0]}"
            case "Exists" | "DoesNotExist":
                return f"{self.key} {self.operator}"
        return f"{self.key} {self.operator} {', '.join(self.values)}"


def _compares(value: str, operator: str, values: tuple[str, ...]) -> bool:
    try:
        have, bound = int(value), int("".join(values))
    except ValueError:
        return False
    return have > bound if operator == "Gt" else have < bound


def selector(template: PodTemplate) -> list[Demand]:
    """What `nodeSelector` asks, all of it."""
    return [
        Demand(key, "In", (value.text,), value)
        for key, value in template.spec["nodeSelector"].items()
        if isinstance(key, str) and value.text is not None
    ]


def affinity_terms(template: PodTemplate) -> list[list[Demand]]:
    """What required node affinity asks: one of the terms, with all its demands. Empty when nothing is required.

    A demand on a field of the node (`matchFields`) has the field's name as key: `metadata.name`.
    """
    required = template.spec.at("affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution")
    return [asked for term in required["nodeSelectorTerms"] if (asked := list(_demands(term)))]


def _demands(term: Node) -> Iterator[Demand]:
    for expression in (*term["matchExpressions"], *term["matchFields"]):
        values = tuple(value.text for value in expression["values"] if value.text is not None)
        yield Demand(expression["key"].text or "", expression["operator"].text or "", values, expression)


@dataclass(frozen=True, slots=True)
class Fit:
    """How a template and a node go together: the demands that keep it off, and those that nobody can judge."""

    broken: tuple[Demand, ...]
    unknown: tuple[Demand, ...]


def fit(template: PodTemplate, labels: Labels) -> Fit:
    """How a template fits a node with these labels.

    Of affinity terms, one of which has to hold, the first demand that fails, or is not known, is taken of each.
    """
    asked = selector(template)
    broken = [demand for demand in asked if demand.met(labels) is False]
    unknown = [demand for demand in asked if demand.met(labels) is None]
    terms = [[(demand, demand.met(labels)) for demand in term] for term in affinity_terms(template)]
    if not any(all(met for _, met in term) for term in terms):
        doubtful = [term for term in terms if not any(met is False for _, met in term)]
        if doubtful:
            unknown += [next(demand for demand, met in term if met is None) for term in doubtful]
        else:
            broken += [next(demand for demand, met in term if met is False) for term in terms]
    return Fit(tuple(broken), tuple(unknown))


def demands(template: PodTemplate) -> list[Demand]:
    """Everything that selector and affinity ask."""
    return [*selector(template), *(demand for term in affinity_terms(template) for demand in term)]


def allowed_values(template: PodTemplate, *keys: str) -> list[tuple[str, Node]]:
    """The values of a label that selector and affinity leave, with the place that says so; empty when they do not.

    Only what is named counts: `NotIn` or a term without the label leaves everything.
    """
    chosen = [(demand.values[0], demand.place) for demand in selector(template) if demand.key in keys]
    if chosen:
        return chosen[:1]
    terms = affinity_terms(template)
    named = [[demand for demand in term if demand.key in keys and demand.operator == "In"] for term in terms]
    if not all(named):
        return []
    return list({value: (value, term[0].place) for term in named for value in term[0].values}.values())


def tolerates(template: PodTemplate, taint: Taint) -> bool:
    """Whether a template's tolerations let it onto nodes with this taint."""
    return any(_tolerates(toleration, taint) for toleration in template.spec["tolerations"])


def _tolerates(toleration: Node, taint: Taint) -> bool:
    key, operator = toleration["key"].text or "", toleration["operator"].text or "Equal"
    if toleration["effect"].text not in (None, "", taint.effect):
        return False
    if operator == "Exists":
        return key in ("", taint.key)
    return operator == "Equal" and key == taint.key and (toleration["value"].text or "") == taint.value
