"""Shell patterns (``*``, ``?``, ``[...]``) as regular expressions, brace expansion, and operators that use patterns."""

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

from seatrial.manifests.shell.values import Unsupported

_MOST_WORDS = 4096
_RANGE = re.compile(r"^(-?\d+|[a-zA-Z])\.\.(-?\d+|[a-zA-Z])(?:\.\.(-?\d+))?$")


@lru_cache(maxsize=1024)
def translate(pieces: tuple[tuple[str, bool], ...], greedy: bool = True) -> re.Pattern[str] | None:
    """The regular expression for a pattern given as (text, quoted) pieces; None when it is not supported.

    Raises nothing: extended patterns such as ``@(a|b)`` give None.
    """
    out: list[str] = []
    characters = [(c, quoted) for text, quoted in pieces for c in text]
    i = 0
    while i < len(characters):
        c, quoted = characters[i]
        i += 1
        if quoted:
            out.append(re.escape(c))
        elif c in "@?*+!" and i < len(characters) and characters[i] == ("(", False):
            return None
        elif c == "*":
            out.append(".*" if greedy else ".*?")
        elif c == "?":
            out.append(".")
        elif c == "[" and (group := _bracket(characters, i)):
            out.append(group[0])
            i = group[1]
        else:
            out.append(re.escape(c))
    try:
        return re.compile("".join(out), re.DOTALL)
    except re.error:
        return None


def _bracket(characters: Sequence[tuple[str, bool]], i: int) -> tuple[str, int] | None:
    end = i + 1 if i < len(characters) and characters[i][0] in "!^" else i
    end = next((j for j in range(end + 1, len(characters)) if characters[j][0] == "]"), 0)
    if not end:
        return None
    inner = "".join(c for c, _ in characters[i:end])
    negated = inner[0] in "!^"
    classes = {"[:digit:]": "0-9", "[:alpha:]": "a-zA-Z", "[:alnum:]": "a-zA-Z0-9", "[:space:]": r"\s"}
    if inner.startswith("[:") or inner[1:].startswith("[:"):
        name = inner.removeprefix("!").removeprefix("^") + "]"
        if name not in classes or characters[end + 1 : end + 2] != [("]", False)]:
            return None
        return f"[{'^' if negated else ''}{classes[name]}]", end + 2
    body = (inner[1:] if negated else inner).replace("\\", r"\\").replace("[", r"\[").replace("]", r"\]")
    return f"[{'^' if negated else ''}{body}]", end + 1


def costly(text: str, pieces: tuple[tuple[str, bool], ...]) -> bool:
    """Whether matching could take noticeable time: a long text, or many stars against a middling one."""
    stars = sum(piece.count("*") for piece, quoted in pieces if not quoted)
    return len(text) > 2048 or (stars > 3 and len(text) > 128)


def trim(text: str, operator: str, pieces: tuple[tuple[str, bool], ...]) -> str | None:
    """``${name#pattern}`` and its three relatives; None when the pattern is not supported."""
    pattern = translate(pieces)
    if pattern is None or costly(text, pieces):
        return None
    cuts = range(len(text) + 1)
    if operator in {"#", "##"}:
        for cut in cuts if operator == "#" else reversed(cuts):
            if pattern.fullmatch(text[:cut]):
                return text[cut:]
        return text
    for cut in reversed(cuts) if operator == "%" else cuts:
        if pattern.fullmatch(text[cut:]):
            return text[:cut]
    return text


def substitute(text: str, operator: str, pieces: tuple[tuple[str, bool], ...], replacement: str) -> str | None:
    """``${name/pattern/replacement}`` and its relatives; None when the pattern is not supported."""
    pattern = translate(pieces)
    if pattern is None or costly(text, pieces):
        return None
    if not pieces or not any(piece for piece, _ in pieces):
        return text
    if operator == "/#":
        found = pattern.match(text)
        return replacement + text[found.end() :] if found else text
    if operator == "/%":
        cut = next((cut for cut in range(len(text) + 1) if pattern.fullmatch(text[cut:])), None)
        return text if cut is None else text[:cut] + replacement
    return _replace_nonempty(text, pattern, replacement, 1 if operator == "/" else -1)


def _replace_nonempty(text: str, pattern: re.Pattern[str], replacement: str, count: int) -> str:
    out, position = [], 0
    for found in pattern.finditer(text):
        if found.start() == found.end():
            continue
        out += [text[position : found.start()], replacement]
        position = found.end()
        count -= 1
        if count == 0:
            break
    return "".join(out) + text[position:]


def braces(pieces: tuple[tuple[str, bool], ...]) -> list[tuple[tuple[str, bool], ...]]:
    """Brace expansion of (text, quoted) pieces. Raises Unsupported beyond 4,096 words."""
    characters = [(c, quoted) for text, quoted in pieces for c in (text if not quoted else [text])]
    words = _braces(characters)
    return [tuple(word) for word in words]


def _braces(characters: list[tuple[str, bool]]) -> list[list[tuple[str, bool]]]:
    for start, character in enumerate(characters):
        if character != ("{", False):
            continue
        found = _closing(characters, start)
        if found is None:
            continue
        end, commas = found
        middle = _alternatives(characters, start, end, commas)
        if middle is None:
            continue
        tails = _braces(characters[end + 1 :])
        if len(middle) * len(tails) > _MOST_WORDS:
            raise Unsupported(f"a brace expansion makes more than {_MOST_WORDS} words")
        return [characters[:start] + inner + tail for inner in middle for tail in tails]
    return [characters]


def _closing(characters: list[tuple[str, bool]], start: int) -> tuple[int, list[int]] | None:
    depth = 0
    commas: list[int] = []
    for i in range(start, len(characters)):
        match characters[i]:
            case ("{", False):
                depth += 1
            case ("}", False):
                depth -= 1
                if depth == 0:
                    return i, commas
            case (",", False) if depth == 1:
                commas.append(i)
    return None


def _alternatives(
    characters: list[tuple[str, bool]], start: int, end: int, commas: list[int]
) -> list[list[tuple[str, bool]]] | None:
    if commas:
        edges = [start, *commas, end]
        return [word for a, b in pairwise(edges) for word in _braces(characters[a + 1 : b])]
    inner = characters[start + 1 : end]
    found = _RANGE.match("".join(c for c, quoted in inner)) if not any(quoted for _, quoted in inner) else None
    return [[(text, False)] for text in _range(found)] if found else None


def _range(found: re.Match[str]) -> list[str]:
    first, last, step = found[1], found[2], abs(int(found[3] or 1)) or 1
    numeric = first.lstrip("-").isdigit() and last.lstrip("-").isdigit()
    if not numeric and (len(first) != 1 or len(last) != 1 or first.isdigit() or last.isdigit()):
        return ["{" + found[0] + "}"]
    low, high = (int(first), int(last)) if numeric else (ord(first), ord(last))
    if abs(high - low) // step >= _MOST_WORDS:
        raise Unsupported(f"a brace expansion makes more than {_MOST_WORDS} words")
    numbers = range(low, high + 1, step) if low <= high else range(low, high - 1, -step)
    if not numeric:
        return [chr(number) for number in numbers]
    width = max((len(text) for text in (first, last) if text.lstrip("-").startswith("0") and len(text) > 1), default=0)
    return [f"{number:0{width}d}" for number in numbers]
