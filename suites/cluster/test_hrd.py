"""HRD: what the running pods show and may do."""

from seatrial.finding import Finding, NotApplicable
from seatrial.live.access import default_grants, key_secrets
from seatrial.live.deployed import Deployed
from seatrial.live.live_containers import in_plain_text, live_containers
from seatrial.live.privileges import privileges
from seatrial.live.workload_pods import need_pods, once_per_template
from seatrial.requirement import Outcomes, requirement


@requirement(
    "HRD-02",
    why="Mutating webhooks and defaults add privileges that nobody reviewed.",
    fix="Exclude the set's namespace or pods from the webhook that adds them, or declare what is really needed.",
)
def test_no_added_privileges(deployed: Deployed) -> Outcomes:
    """The effective pods SHOULD NOT have privileges that the set does not ask for."""
    added = (
        (one, privilege)
        for one in need_pods(deployed)
        for privilege in sorted(privileges(one.pod.at("spec") or {}) - privileges(one.template.spec.mapping))
    )
    for one, privilege, more in once_per_template(added):
        yield Finding(one.pod.place("spec"), f"{privilege}{more}", "only what the template asks for")


@requirement(
    "HRD-03",
    why="Everyone who may read pods can read it.",
    fix="Keep it in a Secret and refer to it by valueFrom.secretKeyRef.",
    source="Kubernetes documentation: Secrets",
)
def test_no_plain_secrets(deployed: Deployed) -> Outcomes:
    """A live pod MUST NOT show a secret as a plain env value."""
    shown = (
        (one, (container.path, words))
        for one in need_pods(deployed)
        for container in live_containers(one.pod)
        for words in in_plain_text(container)
    )
    for one, (path, words), more in once_per_template(shown):
        yield Finding(one.pod.place(*path), f"{words}{more}", "a value that comes from a Secret")


@requirement(
    "HRD-05",
    why="The key is only as secret as the Secret.",
    fix="Bind the role that reads Secrets to those who need it, not to everybody.",
    source="Kubernetes documentation: Using RBAC Authorization",
)
def test_secret_is_not_for_everybody(deployed: Deployed) -> Outcomes:
    """Users of the cluster SHOULD NOT be able to read the key's Secret by default."""
    secrets = key_secrets(deployed.manifests)
    if not secrets:
        raise NotApplicable("the engine's key comes from no Secret")
    for namespace, secret in secrets:
        for grant in default_grants(deployed.view, namespace, secret):
            yield Finding(
                grant.binding.place("subjects"),
                f"{grant.subject} may read Secret {namespace}/{secret} by {grant.role}",
                "only those who need it",
            )
