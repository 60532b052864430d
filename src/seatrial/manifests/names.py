"""Forms of names, labels, ports and variables that the API server enforces and published schemas do not.

Each function returns what is wrong with a string in one phrase, or None. Values of another type are the schema's
business. Source: kubernetes/apimachinery: pkg/util/validation/validation.go, pkg/api/validation/name.go.
"""

import functools
import re
from collections.abc import Mapping

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LABEL_1035 = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_QUALIFIED = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_PORT_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_VARIABLE = re.compile(r"[ -<>-~]+")
_IMAGE = re.compile(
    r"((?=[^/]*[.:]|localhost/)[A-Za-z0-9][A-Za-z0-9.-]*(:[0-9]+)?/)?"
    r"[a-z0-9]+(([._]|__|-+)[a-z0-9]+)*(/[a-z0-9]+(([._]|__|-+)[a-z0-9]+)*)*"
    r"(:\w[\w.-]{0,127})?(@[A-Za-z][A-Za-z0-9]*([+._-][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,})?",
    re.ASCII,
)
_ANNOTATIONS_BYTES = 256 * 1024

_LABEL_KINDS = frozenset({"Namespace"})
_LABEL_1035_KINDS = frozenset({"Service"})
_PATH_KINDS = frozenset({"Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"})


def dns_label(text: str) -> str | None:
    """DNS-1123 label: at most 63 of a-z, 0-9 and `-`, letter or digit at both ends."""
    return _form(text, _LABEL, 63, "lower-case letters, digits and '-', a letter or digit at both ends")


def dns_subdomain(text: str) -> str | None:
    """DNS-1123 subdomain: labels joined by dots, at most 253 characters."""
    form = "lower-case letters, digits, '-' and '.', a letter or digit at both ends of each part"
    return _form(text, _SUBDOMAIN, 253, form)


def dns_1035_label(text: str) -> str | None:
    """DNS-1035 label: a DNS label that starts with a letter."""
    form = "lower-case letters, digits and '-', starting with a letter and ending with a letter or digit"
    return _form(text, _LABEL_1035, 63, form)


@functools.lru_cache(4096)
def label_key(text: str) -> str | None:
    """Key of a label or annotation: an optional DNS subdomain and `/`, then a name of at most 63 characters."""
    prefix, slash, name = text.rpartition("/")
    if "/" in prefix:
        return "has more than one '/'"
    if slash and (wrong := dns_subdomain(prefix)):
        return f"prefix {wrong}"
    return _form(name, _QUALIFIED, 63, "letters, digits, '-', '_' and '.', a letter or digit at both ends")


@functools.lru_cache(4096)
def label_value(text: str) -> str | None:
    """Value of a label: empty, or at most 63 characters of the same kind as a key's name."""
    if not text:
        return None
    return _form(text, _QUALIFIED, 63, "letters, digits, '-', '_' and '.', a letter or digit at both ends")


def annotations_size(annotations: Mapping[str, object]) -> str | None:
    """All annotations of an object together: at most 256 KiB."""
    texts = (text for pair in annotations.items() for text in pair if isinstance(text, str))
    size = sum(len(text.encode(errors="replace")) for text in texts)
    return f"holds {size:,} bytes, more than {_ANNOTATIONS_BYTES:,}" if size > _ANNOTATIONS_BYTES else None


def port_number(number: int) -> str | None:
    """A port: 1 to 65535."""
    return None if 1 <= number <= 65535 else "is not between 1 and 65535"


def port_name(text: str) -> str | None:
    """Name of a container port: at most 15 of a-z, 0-9 and single `-`, at least one letter."""
    wrong = _form(text, _PORT_NAME, 15, "lower-case letters, digits and single '-' between them")
    return wrong or (None if re.search("[a-z]", text) else "has no letter")


def variable_name(text: str) -> str | None:
    """Name of an environment variable: printable ASCII without `=`; a shell can use fewer of these."""
    return None if _VARIABLE.fullmatch(text) else "may consist of printable ASCII characters other than '='"


def image_reference(text: str) -> str | None:
    """Image of a container as container runtimes read it; the API server takes more, and no node can pull it.

    Source: distribution/reference: regexp.go.
    """
    if "{{" in text or "${" in text:
        return "holds a template that is not rendered"
    return None if _IMAGE.fullmatch(text) else "is no image reference, HOST/PATH:TAG or HOST/PATH@sha256:DIGEST"


def object_name(kind: str, text: str, *, prefix: bool = False) -> str | None:
    """metadata.name of a kind; with `prefix` metadata.generateName, which may end in `-`."""
    if prefix and text.endswith("-"):
        text = text[:-1] + "a"
    if kind in _PATH_KINDS:
        return "contains '/' or '%'" if re.search("[/%]", text) or text in (".", "..") else None
    if kind in _LABEL_1035_KINDS:
        return dns_1035_label(text)
    return dns_label(text) if kind in _LABEL_KINDS else dns_subdomain(text)


def _form(text: str, pattern: re.Pattern[str], limit: int, form: str) -> str | None:
    if not text:
        return "is empty"
    if len(text) > limit:
        return f"has {len(text)} characters, more than {limit}"
    return None if pattern.fullmatch(text) else f"may consist of {form}"
