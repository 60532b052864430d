"""What counts as a secret in plain text, and as a key that anybody would guess."""

import base64

import pytest

from seatrial.finding import CannotTell
from seatrial.manifest_set import ManifestSet, load_texts
from seatrial.manifests.document import Node
from seatrial.target import Target
from seatrial.workload.credentials import (
    SecretKey,
    is_placeholder,
    is_secret_name,
    plain_flags,
    plain_variables,
    requires_key,
)
from seatrial.workload.serving import Role, groups


@pytest.mark.parametrize(
    "name",
    [
        "API_KEY",
        "OPENAI_API_KEYS",
        "HF_TOKEN",
        "hfToken",
        "AWS_SECRET_ACCESS_KEY",
        "MYSQL_PASSWORD",
        "APIKEY",
        "apiKey2",
    ],
)
def test_names_of_secrets(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name",
    ["MAX_TOKENS", "TOKENIZER_PATH", "TLS_KEY_FILE", "SECRET_NAME", "EOS_TOKEN", "TOPOLOGY_KEY", "MONKEY", "KEYBOARD",
     "", "SSH_PUBLIC_KEY", "NCCL_DEBUG", "7"],
)  # fmt: skip
def test_names_of_other_things(name: str) -> None:
    assert not is_secret_name(name)


def container(yaml: str) -> Node:
    text = f"apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - {yaml}\n"
    return load_texts("set", {"pod.yaml": text}, Target.empty()).pod_templates[0].containers[0]


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        ("sk-5f0c", True), ("'1234'", True), ("<your-key>", True), ("''", False), ("' '", False), ("EMPTY", False),
        ("$(OTHER)", False), ("'False'", False), ("/run/secrets/key", False), ("5", False), ("null", False),
        ("[a]", False),
    ],
)  # fmt: skip
def test_plain_variables(value: str, plain: bool) -> None:
    found = container(f"{{env: [{{name: API_KEY, value: {value}}}]}}")
    assert bool(list(plain_variables(found))) is plain


@pytest.mark.parametrize(
    ("command", "plain"),
    [
        ("[python3, --api-key, abc]", True),
        ("[python3, --api-key=abc]", True),
        ("[bash, -c, 'run --admin-api-key \"abc\"']", True),
        ("[python3, --api-key, $(API_KEY)]", False),
        ("[python3, --api-key=$(API_KEY)]", False),
        ("[bash, -c, 'run --api-key \"$API_KEY\"']", False),
        ("[bash, -c, 'run ${API_KEY:+--api-key $API_KEY}']", False),
        ("[bash, -c, '# run --api-key abc']", False),
        ("[python3, --api-key]", False),
        ("[python3, --api-key, --host, x]", False),
        ("[null, 5, {a: b}]", False),
        ("x", False),
    ],
)
def test_plain_flags(command: str, plain: bool) -> None:
    assert bool(list(plain_flags(container(f"{{command: {command}}}")))) is plain


@pytest.mark.parametrize(
    "value",
    ["", "  ", "\n", "changeme", "change-me", "CHANGE_ME", "your-api-key", "<your key here>", "sk-1234", "secret",
     "123456", "000000", "xxxxxx", "sk-xxxx", "***", "password123", "replace-me", "test-key"],
)  # fmt: skip
def test_placeholders(value: str) -> None:
    assert is_placeholder(value)


@pytest.mark.parametrize(
    "value", ["9b1deb4d3b7d4bad", "sk-proj-8fKq2", "correct horse battery staple", "135790", "kéy-ü8"]
)
def test_real_keys(value: str) -> None:
    assert not is_placeholder(value)


def secret(entries: str) -> ManifestSet:
    text = f"apiVersion: v1\nkind: Secret\nmetadata: {{name: s}}\n{entries}\n"
    return load_texts("set", {"secret.yaml": text}, Target.empty())


@pytest.mark.parametrize(
    ("entries", "value"),
    [
        ("stringData: {k: abc}", "abc"),
        (f"data: {{k: {base64.b64encode(b'abc').decode()}}}", "abc"),
        (f"data: {{k: {base64.b64encode(b'xyz').decode()}}}\nstringData: {{k: abc}}", "abc"),
        ("data: {k: not base64!}", "not base64!"),
        ("data: {other: abc}", ""),
        ("data: 5", ""),
        ("stringData: {k: 5}", ""),
    ],
)
def test_value_of_a_secret(entries: str, value: str) -> None:
    manifests = secret(entries)
    place = manifests.documents[0].root
    assert SecretKey("s", "k", place).value(manifests, "default")[1] == value


def test_secret_outside_the_set() -> None:
    manifests = secret("data: {}")
    with pytest.raises(CannotTell):
        SecretKey("s", "k", manifests.documents[0].root).value(manifests, "other")


GUARDED = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: r1}
spec:
  selector: {matchLabels: {app: r1}}
  template:
    metadata: {labels: {app: r1}}
    spec:
      containers:
      - name: sglang
        image: lmsysorg/sglang:v0.5.9
        env:
        - name: API_KEY
          valueFrom: {secretKeyRef: {name: engine, key: api-key}}
        command: [bash, -c]
        args:
        - |
          ARGS=""
          if [ -n "$API_KEY" ]; then
            ARGS="--api-key $API_KEY"
          fi
          exec python3 -m sglang.launch_server --model-path /m $ARGS
"""
SECRET = "apiVersion: v1\nkind: Secret\nmetadata: {name: engine}\n"


def leader(secret: str) -> Role:
    return groups(load_texts("set", {"r1.yaml": GUARDED, "secret.yaml": SECRET + secret}, Target.empty()))[0].leader


@pytest.mark.parametrize("secret", ["stringData: {api-key: s}", "data: {api-key: cw==}"])
def test_key_behind_a_guard_is_given_when_its_secret_is_filled(secret: str) -> None:
    assert requires_key(leader(secret))


@pytest.mark.parametrize("secret", ["stringData: {api-key: ''}", "data: {other: cw==}", ""])
def test_key_behind_a_guard_is_undecided_without_a_filled_secret(secret: str) -> None:
    with pytest.raises(CannotTell, match="condition"):
        requires_key(leader(secret))
