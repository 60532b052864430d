"""What must not leave a cluster: passwords, tokens, keys and certificates, in objects, logs and messages.

Secrets are told by where they stand (Secrets, variables, flags, fields and headers with telling names), by how they
look (PEM, JSON Web Tokens, tokens of known services), and by what they are: a value that stood in such a place is taken
out of everything else, too. Too much is taken out rather than too little.
"""

import base64
import json
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

from seatrial.workload.credentials import is_placeholder, is_secret_name

MARK = "<redacted>"
_SHORTEST = 6
"""Values of fewer characters are not looked for elsewhere: they would be found inside of words."""

# Names that end like this hold secrets, whatever stands before it: PGPASSWORD, hf_token, X-Amz-Signature.
_TELLING = re.compile(
    r"(passw(or)?d|passphrase|secret|token|api_?-?key|access_?-?key|private_?-?key|credentials?|authorization|cookie"
    r"|signature|\bpwd|(key|certificate)-data)$",
    re.IGNORECASE,
)
_OURS = re.compile(r"(^|\.)(k8s|kubernetes)\.io/")
"""Labels and annotations of Kubernetes and LWS, such as the hash in `leaderworkerset.sigs.k8s.io/group-key`."""
# No value: nothing, a switch, a reference that somebody else fills in, what was taken out before.
_NO_VALUE = re.compile(
    r"\s*|none|null|nil|true|false|\*+|<redacted[\w-]*>|\$\([\w.-]+\)|\$\{[\w.:?+-]+\}|\$\w+", re.IGNORECASE
)
_NUMBER = re.compile(r"[\d.,]+%?")

_NAME = r"[A-Za-z_](?:[\w./-]{0,200})"
_QUOTE = r"(?P<quote>\\*[\"'])"
# A quote that is never closed ends with its line: messages are cut off.
_VALUE = rf"(?:{_QUOTE}(?P<quoted>(?:(?!(?P=quote))(?:\\.|.))*)(?:(?P=quote)|$)|(?P<bare>[^\s,;&\"'}}\])]+))"
_ASSIGNED = re.compile(rf"(?P<lead>(?<!\w)(?P<name>{_NAME})\\*[\"']?[ \t]*(?::=|=>|[:=])[ \t]*){_VALUE}", re.MULTILINE)
_FLAG = re.compile(rf"(?P<lead>(?<![\w-])--?(?P<name>{_NAME})\\*[\"']?,?[ \t]+){_VALUE}", re.MULTILINE)
_VARIABLE = re.compile(
    rf"(?P<lead>\bname\\*[\"']?\s*[:=]\s*\\*[\"']?(?P<name>{_NAME})\\*[\"']?[,\s]+\\*[\"']?value\\*[\"']?\s*[:=]\s*)"
    rf"{_VALUE}",
    re.IGNORECASE | re.MULTILINE,
)
_BLOCK = re.compile(
    rf"^(?P<lead>(?P<indent>[ \t]*)(?:- )?[\"']?(?P<name>{_NAME})[\"']?:[ \t]*[|>][-+\d]*[ \t]*\n)"
    r"(?P<quote>)(?P<quoted>(?:(?P=indent)[ \t]+[^\n]*\n?|[ \t]*\n)+)(?P<bare>)",
    re.MULTILINE,
)
_HINT = re.compile(
    "key|token|secret|passw|passphrase|credential|authorization|cookie|signature|pwd|certificate-data", re.IGNORECASE
)
"""What the names above have in common; a line without is not looked at closer."""

_BODY = r"(?:[A-Za-z0-9+/=\s]|\\n|\\r)*"
# Pattern → what stands in its place. PEM first: what follows would take it to pieces.
_SHAPES = tuple(
    (re.compile(pattern, flags), instead)
    for pattern, instead, flags in (
        (r"-----BEGIN [A-Z0-9 ]+-----.*?(?:-----END [A-Z0-9 ]+-----|\Z)", "<redacted-PEM>", re.DOTALL),
        (rf"\A{_BODY}-----END [A-Z0-9 ]+-----", "<redacted-PEM>", 0),  # its beginning was cut off
        (r"LS0tLS1CRUdJTi[A-Za-z0-9+/=]*", "<redacted-PEM>", 0),  # base64 of -----BEGIN
        (r"(\bauthorization\\*[\"']?\s*[:=]\s*(?:\[|\\*[\"'])*)(?:(?:basic|bearer|token|digest)\s+)?[^\s\"'\\\],]+",
         r"\1<redacted>", re.IGNORECASE),
        (r"\b(bearer\s+)(?!tokens?\b|auth\w*\b|<)[^\s\"'\\,;]{6,}", r"\1<redacted>", re.IGNORECASE),
        (r"\beyJ[\w-]{8,}\.[\w-]{4,}(?:\.[\w-]*)*", MARK, 0),  # a JSON Web Token
        (r"\b(?:hf_[A-Za-z0-9]{16,}|sk-[\w-]{12,}|gh[pousr]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}"
         r"|xox[abps]-[\w-]{10,}|AKIA[A-Z0-9]{12,}|AKID[A-Za-z0-9]{28,}|ms-[0-9a-f]{8}-[0-9a-f-]{20,})", MARK, 0),
        (r"(\b[a-z][a-z0-9+.-]{0,30}://)[^\s/@\"'<>]+@", r"\1<redacted>@", re.IGNORECASE),
    )
)  # fmt: skip
_KUBECONFIG = re.compile(r"\bkind\"?\s*:\s*[\"']?Config\b[\"']?")
_USERS = re.compile(r"\busers\"?\s*:")
_KUBECONFIG_MARK = "<redacted-kubeconfig>"


class Redactor:
    """Takes secrets out of objects and texts, and remembers their values.

    What is learnt from one object holds for all that comes later: show it the objects before the logs.
    """

    def __init__(self) -> None:
        self._values: set[str] = set()
        self._known: re.Pattern[str] | None = None
        self._texts: dict[str, str] = {}

    # What is known.

    def learn(self, value: str) -> None:
        """Take this value out wherever it stands, as it is, in base64, and as a string of JSON."""
        if len(value.strip()) < _SHORTEST or _NO_VALUE.fullmatch(value) or is_placeholder(value):
            return
        if MARK[:-1] in value:
            return  # a part of it was taken out already
        plain = value.strip()
        forms = {value, plain, json.dumps(plain)[1:-1]} | {_base64(one) for one in (value, plain, f"{plain}\n")}
        if not forms <= self._values:
            self._values |= forms
            self._known = None
            self._texts.clear()

    def learn_object(self, object: Any) -> None:
        """Learn the secrets of an object that is not to be written itself."""
        self.object(object)

    def _take_known(self, text: str) -> str:
        if not self._values:
            return text
        if self._known is None:
            self._known = re.compile("|".join(map(re.escape, sorted(self._values, key=len, reverse=True))))
        return self._known.sub(MARK, text)

    # Texts.

    def text(self, text: str) -> str:
        """A log, a message, a script."""
        found = self._texts.get(text)
        if found is None:
            found = self._text(text)
            if len(text) <= 256:
                if len(self._texts) > 20_000:
                    self._texts.clear()
                self._texts[text] = found
        return found

    def _text(self, text: str) -> str:
        for shape, instead in _SHAPES:
            text = shape.sub(instead, text)
        return self._take_known(self._take_named(text))

    def _take_named(self, text: str) -> str:
        """Without the values that stand behind a telling name."""
        if _HINT.search(text) is None:
            return text
        text = _VARIABLE.sub(self._replace, _BLOCK.sub(self._replace, text))
        return "".join(
            _FLAG.sub(self._replace, _ASSIGNED.sub(self._replace, line)) if _HINT.search(line) else line
            for line in text.splitlines(keepends=True)
        )

    def _replace(self, found: re.Match[str]) -> str:
        name, quoted = found["name"], found["quoted"]
        value = quoted if quoted is not None else found["bare"]
        if not names_secret(name) or _NO_VALUE.fullmatch(value) or _is_count(name, value):
            return found[0]
        self.learn(value.rstrip("\\"))
        quote = found["quote"] or ""
        return f"{found['lead']}{quote}{MARK}{quote}"

    # Objects.

    def object(self, value: Any) -> Any:
        """An object, or a part of one, without its secrets, certificates and bookkeeping."""
        if isinstance(value, str):
            return self._string(value)
        if isinstance(value, list):
            return self._list(value)
        if isinstance(value, dict):
            return self._mapping(value)
        return value

    def _mapping(self, value: dict[Any, Any]) -> dict[Any, Any]:
        secret = value.get("kind") == "Secret" and value.get("apiVersion", "v1") == "v1"
        name = value.get("name")
        found: dict[Any, Any] = {}
        for key, inner in value.items():
            if key == "managedFields":
                continue
            if key == "caBundle":
                found[key] = "<left out>"
            elif secret and key in ("data", "stringData"):
                found[key] = self._secret_data(inner, encoded=key == "data")
            elif key == "binaryData":
                found[key] = dict.fromkeys(inner, "<left out>") if isinstance(inner, dict) else "<left out>"
            elif key == "value" and isinstance(name, str) and names_secret(name):
                found[key] = self._named(name, inner)
            elif isinstance(key, str) and names_secret(key):
                found[key] = self._named(key, inner)
            else:
                found[self.text(key) if isinstance(key, str) else key] = self.object(inner)
        return found

    def _secret_data(self, data: Any, *, encoded: bool) -> Any:
        """The keys alone."""
        if not isinstance(data, dict):
            return MARK
        for value in data.values():
            if isinstance(value, str):
                self.learn(_decoded(value) if encoded else value)
        return dict.fromkeys(data, MARK)

    def _named(self, name: str, value: Any) -> Any:
        if isinstance(value, str):
            if _NO_VALUE.fullmatch(value) or _is_count(name, value):
                return value
            self.learn(value)
            return MARK
        return self.object(value)

    def _list(self, items: list[Any]) -> list[Any]:
        """Words of a command line belong together: a flag, and its value behind it."""
        found = []
        flag = ""
        for item in items:
            if flag and isinstance(item, str) and not item.startswith("-"):
                found.append(self._named(flag, item))
            else:
                found.append(self.object(item))
            bare = isinstance(item, str) and re.fullmatch(rf"--?({_NAME})", item)
            flag = bare[1] if bare and names_secret(bare[1]) else ""
        return found

    def _string(self, text: str) -> str:
        """Objects within a string, as in the annotation of `kubectl apply`, are objects all the same."""
        if text.lstrip()[:1] in ("{", "["):
            try:
                inner = json.loads(text)
            except (ValueError, RecursionError):
                return self.text(text)
            redacted = json.dumps(self.object(inner), ensure_ascii=False, separators=(",", ":"))
            return _KUBECONFIG_MARK if _is_kubeconfig(text) else redacted
        redacted = self.text(text)  # learns from what is left out as a whole, too
        return _KUBECONFIG_MARK if _is_kubeconfig(text) else redacted


@lru_cache(4096)
def names_secret(name: str) -> bool:
    """Whether a variable, flag, field or header of this name holds a secret. `key` alone names half of Kubernetes."""
    bare = name.strip("-").rpartition(".")[2] if "/" not in name else name
    if bare.lower() in ("key", "keys") or _OURS.search(name):
        return False
    return bool(_TELLING.search(bare)) or is_secret_name(bare)


def of(documents: Iterable[Any]) -> Redactor:
    """A redactor that knows the secrets of these objects."""
    redactor = Redactor()
    for document in documents:
        redactor.learn_object(document)
    return redactor


def _is_count(name: str, value: str) -> bool:
    """Engines count tokens: `#new-token: 7`. A password may be a number."""
    return bool(_NUMBER.fullmatch(value)) and name.lower().endswith(("token", "tokens", "key", "keys"))


def _is_kubeconfig(text: str) -> bool:
    return bool(_KUBECONFIG.search(text) and _USERS.search(text))


def _base64(text: str) -> str:
    return base64.b64encode(text.encode("utf-8", "surrogatepass")).decode()


def _decoded(text: str) -> str:
    try:
        return base64.b64decode("".join(text.split()), validate=True).decode("utf-8", "replace")
    except ValueError:
        return text


def lines(text: str, limit: int) -> Iterator[str]:
    """The last lines of a text that together have at most `limit` bytes in UTF-8, oldest first."""
    kept: list[str] = []
    size = 0
    for line in reversed(text.splitlines(keepends=True)):
        size += len(line.encode("utf-8", "replace"))
        if size > limit:
            break
        kept.append(line)
    return reversed(kept)
