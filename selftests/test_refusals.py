"""What API servers really say, taken apart."""

import pytest

from seatrial.live.api import ApiError
from seatrial.live.refusals import parts, place
from seatrial.manifest_set import load_texts
from seatrial.target import Target

TYPED = "failed to create typed patch object (default/x; apps/v1, Kind=Deployment): "
WEBHOOK = 'admission webhook "vleaderworkerset.kb.io" denied the request: '

CASES = [
    (TYPED + ".spec.backOffLimit: field not declared in schema", [("spec.backOffLimit", "field not declared in schema")]),
    (
        TYPED + 'errors:\n  .spec.a: field not declared in schema\n  .spec.c[name="x"].b: expected string, got &value.valueUnstructured{Value:"sk-1"}',
        [("spec.a", "field not declared in schema"), ('spec.c[name="x"].b', "expected string, got another type")],
    ),
    (WEBHOOK + "spec.leaderWorkerTemplate.size: Invalid value: 0: size must be", [("spec.leaderWorkerTemplate.size", "Invalid value: 0: size must be")]),
    (
        WEBHOOK + "[spec.a: Invalid value: 3: no, never, spec.B.c: Invalid value: 3: neither]",
        [("spec.a", "Invalid value: 3: no, never"), ("spec.B.c", "Invalid value: 3: neither")],
    ),
    (WEBHOOK + "panic: runtime error: integer divide by zero [recovered]", [("panic", "runtime error: integer divide by zero [recovered]")]),
    ('Deployment in version "v1" cannot be handled: strict decoding error: unknown field "spec.x", unknown field "spec.y"', [("spec.x", "unknown field"), ("spec.y", "unknown field")]),
    ('namespaces "llm" not found', [("", 'namespaces "llm" not found')]),
]  # fmt: skip


@pytest.mark.parametrize(("message", "expected"), CASES)
def test_messages(message: str, expected: list[tuple[str, str]]) -> None:
    assert parts(ApiError(422, "Invalid", message)) == expected


def test_causes_come_first_and_once() -> None:
    causes = (
        "spec.a: Required value",
        "spec.a: Required value",
        'spec.b: Invalid value: {"env":"sk-1"}: field is immutable',
    )
    assert parts(ApiError(422, "Invalid", "everything", causes)) == [
        ("spec.a", "Required value"),
        ("spec.b", "Invalid value: field is immutable"),
    ]


@pytest.mark.parametrize(
    ("path", "line", "dotted"),
    [
        ("spec.ports[1].port", 7, "spec.ports[1].port"),
        ('spec.ports[name="b"].port', 7, "spec.ports[1].port"),
        ('spec.ports[name="b",port=2].targetPort', 6, "spec.ports[1]"),
        ("spec.ports[5].port", 4, "spec.ports"),
        ("spec.selector.app.kubernetes.io/name", 8, "spec.selector"),
        ("", 1, ""),
    ],
)
def test_places(path: str, line: int, dotted: str) -> None:
    manifest = "apiVersion: v1\nkind: Service\nspec:\n  ports:\n  - {name: a, port: 1}\n  - name: b\n    port: 2\n  selector: {}\n"
    (document,) = load_texts("set", {"a.yaml": manifest}, Target.empty()).documents
    where = place(document.root, path).where()
    assert (where.line, where.path) == (line, dotted)
