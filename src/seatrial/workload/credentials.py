"""Keys and passwords in manifests: where one stands in plain text, and which Secret the engine's key comes from."""

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass

from seatrial.finding import CannotTell, NotApplicable, Place
from seatrial.knowledge.sglang import Use
from seatrial.manifest_set import ManifestSet
from seatrial.manifests.document import Node
from seatrial.manifests.launch import Word
from seatrial.workload.serving import Role

_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
# What the name of a variable ends with when its value is a secret, and what makes the same word harmless.
_SECRET = frozenset({
    "key", "keys", "apikey", "apikeys", "token", "secret", "secrets", "password", "passwords", "passwd", "passphrase",
    "credential", "credentials",
})  # fmt: skip
_HARMLESS = frozenset({
    "public", "publishable", "partition", "sort", "topology", "label", "primary", "foreign", "cache", "max", "min",
    "num", "bos", "eos", "pad", "stop", "mask",
})  # fmt: skip
# Values by which people say that there is no secret; switches; references that the kubelet fills in; paths of files.
_NOT_SECRET = re.compile(
    r"\s*|(empty|none|null|no|off|false|true|yes|on|dummy|unused|not-?needed|(sk-)?no-key(-required)?|\$\([\w.-]+\)|/\S+)",
    re.IGNORECASE,
)
_FLAG = re.compile(r"--(?:admin-)?api-key(?:=|\s+)[\"']?(?P<value>[^\s\"'$<>|;&\\)]+)")
_BARE_FLAG = re.compile(r"--(?:admin-)?api-key\Z")
# A key that consists of such words only is one that anybody would try, or one that nobody has replaced yet.
_GUESSABLE = frozenset({
    "a", "abc", "admin", "an", "api", "apikey", "bar", "change", "changeit", "changeme", "default", "dummy", "empty",
    "example", "fill", "fixme", "foo", "goes", "here", "in", "it", "key", "me", "my", "mykey", "new", "nil", "none",
    "null", "openai", "pass", "passwd", "password", "placeholder", "qwerty", "real", "replace", "root", "secret",
    "sglang", "sk", "some", "tbd", "test", "the", "this", "to", "todo", "token", "value", "with", "your", "yourkey",
})  # fmt: skip


def is_secret_name(name: str) -> bool:
    """Whether a variable of this name holds a secret: `API_KEY`, `hfToken`, not `MAX_TOKENS` or `TLS_KEY_FILE`."""
    words = [word.lower() for word in _PART.findall(name) if not word.isdigit()]
    return bool(words) and words[-1] in _SECRET and not _HARMLESS & set(words)


def plain_variables(container: Node) -> Iterator[Node]:
    """The entries of `env` that hold a secret as a plain value."""
    for entry in container["env"]:
        value = entry["value"].text
        if value and is_secret_name(entry["name"].text or "") and not _NOT_SECRET.fullmatch(value):
            yield entry


def plain_flags(container: Node) -> Iterator[Place]:
    """Where a literal stands behind `--api-key`, in words or scripts of a container."""
    for field in ("command", "args"):
        words = list(container[field])
        for word, following in zip(words, [*words[1:], None], strict=False):
            text = word.text or ""
            for number, line in enumerate(text.splitlines()):
                if not line.lstrip().startswith("#") and _FLAG.search(line):
                    yield word.line(number) if "\n" in text else word
            literal = following.text if following is not None and _BARE_FLAG.match(text) else None
            if following is not None and literal and "$" not in literal and not literal.startswith("-"):
                yield following


def key_word(role: Role) -> tuple[Use, Word] | None:
    """The use of `--api-key` and the word that holds the key; None without one. Raises Blocked by ARG-00."""
    use = role.given("api_key")
    if use is None or use.value_index is None:
        return None
    return use, role.words[use.value_index]


def requires_key(role: Role) -> bool:
    """Whether the engine refuses calls without a key; an empty key switches that off.

    Raises CannotTell when the flag depends on a condition or a file that is not known, Blocked by ARG-00.
    """
    found = key_word(role)
    if found is None:
        if role.arguments.config_file is not None:
            raise CannotTell("whether the engine's configuration file sets a key")
        return False
    use, word = found
    if not word.certain:
        raise CannotTell("whether the engine gets its --api-key depends on a condition that is not known")
    return not word.known or use.value != ""


@dataclass(frozen=True, slots=True)
class SecretKey:
    """One entry of a Secret; `place` is where the container asks for it."""

    name: str
    key: str
    place: Node

    def value(self, manifests: ManifestSet, namespace: str) -> tuple[Node, str]:
        """The entry and its text, empty where the Secret lacks it. Raises CannotTell for a Secret not in the set."""
        secret = manifests.find("Secret", self.name, namespace, group="")
        if secret is None:
            raise CannotTell(f"Secret {self.name} is not in the set")
        plain, encoded = secret.at("stringData", self.key), secret.at("data", self.key)
        if plain.exists:
            return plain, plain.text or ""
        return encoded, _decoded(encoded.text or "")


def _decoded(text: str) -> str:
    try:
        return base64.b64decode("".join(text.split()), validate=True).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return text


def secret_keys(role: Role) -> list[SecretKey]:
    """The Secrets' entries that flow into `--api-key`. Raises NotApplicable without a key from a Secret."""
    found = key_word(role)
    if found is None:
        raise NotApplicable(f"the {role.name} gets no --api-key")
    _, word = found
    keys = [*_named(role.container, word.sources), *_whole(role, word.sources)]
    if not keys:
        raise NotApplicable("the engine's key comes from no Secret")
    return keys


def _named(container: Node, names: frozenset[str]) -> Iterator[SecretKey]:
    for entry in container["env"]:
        reference = entry.at("valueFrom", "secretKeyRef")
        name, key = reference["name"].text, reference["key"].text
        if name and key and entry["name"].text in names:
            yield SecretKey(name, key, reference)


def _whole(role: Role, names: frozenset[str]) -> Iterator[SecretKey]:
    """Entries of Secrets that `envFrom` turns into variables."""
    set_by_hand = {entry["name"].text for entry in role.container["env"]}
    for source in role.container["envFrom"]:
        secret, prefix = source.at("secretRef", "name").text, source["prefix"].text or ""
        for name in sorted(names - set_by_hand) if secret else ():
            if name.startswith(prefix):
                yield SecretKey(secret or "", name.removeprefix(prefix), source)


def is_placeholder(value: str) -> bool:
    """Whether a key is empty, blank, or as a whole one that anybody would try first."""
    words = re.findall(r"[^\W\d_]+|\d+", value.lower())
    return all(word in _GUESSABLE or set(word) == {"x"} or _is_counting(word) for word in words)


def _is_counting(word: str) -> bool:
    """Whether a word is digits that count up, or one digit again and again."""
    return word.isdigit() and (word in "01234567890" or len(set(word)) == 1)
