"""Whether a raw selector selects a pod with given labels, as the API server and the endpoint controllers decide it.

A selector that the API server refuses (wrong types, an unknown operator, values where none belong) selects nothing.

Source: Kubernetes API reference, LabelSelector and ServiceSpec.selector.
"""

from collections.abc import Mapping
from typing import Any

_LABEL_SELECTOR_FIELDS = frozenset({"matchLabels", "matchExpressions"})


def matches(selector: object, labels: Mapping[str, str]) -> bool:
    """Whether a LabelSelector (of a policy, budget, workload, affinity term …) selects.

    Null, or no selector, selects nothing; an empty one selects everything.
    """
    if not isinstance(selector, dict) or not selector.keys() <= _LABEL_SELECTOR_FIELDS:
        return False
    wanted, expressions = selector.get("matchLabels"), selector.get("matchExpressions")
    if wanted is not None and not _has_all(wanted, labels):
        return False
    if expressions is None:
        return True
    return isinstance(expressions, list) and all(_holds(expression, labels) for expression in expressions)


def service_matches(selector: object, labels: Mapping[str, str]) -> bool:
    """Whether a Service's selector, a plain map, selects. Null, empty or absent, it selects no pod."""
    return bool(selector) and _has_all(selector, labels)


def _has_all(wanted: object, labels: Mapping[str, str]) -> bool:
    if not isinstance(wanted, dict):
        return False
    return all(isinstance(value, str) and labels.get(key) == value for key, value in wanted.items())


def _holds(expression: Any, labels: Mapping[str, str]) -> bool:
    if not isinstance(expression, dict):
        return False
    key, operator, values = expression.get("key"), expression.get("operator"), expression.get("values")
    if not isinstance(key, str) or not isinstance(operator, str):
        return False
    if operator in ("Exists", "DoesNotExist"):
        return values in (None, []) and (key in labels) == (operator == "Exists")
    if operator not in ("In", "NotIn") or not isinstance(values, list) or not values:
        return False
    if not all(isinstance(value, str) for value in values):
        return False
    return (labels.get(key) in values) == (operator == "In")
