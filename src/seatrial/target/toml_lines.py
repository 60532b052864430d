"""Lines of keys in a TOML text, which tomllib does not tell."""

import re
from collections.abc import Mapping
from functools import lru_cache
from itertools import islice

Path = tuple[str | int, ...]

_DEPTH = 6
_HEADER = re.compile(r"\[{1,2}")
_BLANK = re.compile(r"(?:\s|#[^\n]*)*")
_KEYS = re.compile(r"""(?:"(?:\\.|[^"\\\n])*"|'[^'\n]*'|[A-Za-z0-9_-]+|[ \t]|\.)+""")
_KEY = re.compile(r""""((?:\\.|[^"\\\n])*)"|'([^'\n]*)'|([A-Za-z0-9_-]+)""")
_TOKEN = re.compile(
    r'''"""(?:\\.|[^\\])*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:\\.|[^"\\\n])*"|'[^'\n]*'|#[^\n]*|[^"'#\[\]{}\n]+|.''', re.DOTALL
)


@lru_cache(16)
def lines(text: str) -> Mapping[Path, int]:
    """Line, from 1, of every table header and key of a valid TOML text; entries of `[[table]]` count from 0.

    Keys inside an inline table or array are not listed: they stand where their outermost key does.
    """
    found: dict[Path, int] = {}
    counts: dict[Path, int] = {}
    base: Path = ()
    at, line = 0, 1
    while True:
        start = _end(_BLANK, text, at)
        line += text.count("\n", at, start)
        if start >= len(text):
            return found
        header = _HEADER.match(text, start)
        keys_at = header.end() if header else start
        keys_end = _end(_KEYS, text, keys_at)
        path = _resolve(_split(text[keys_at:keys_end]), base if header is None else (), counts)
        if header and len(header[0]) == 2:
            counts[path] = counts.get(path, -1) + 1
            path = (*path, counts[path])
        for depth in range(1, min(len(path), _DEPTH) + 1):
            found.setdefault(path[:depth], line)
        base = path if header else base
        at = text.find("\n", keys_end) if header else _after_value(text, keys_end)
        if at < 0:
            return found
        line += text.count("\n", start, at)


def line_of(found: Mapping[Path, int], path: Path) -> int:
    """Line of `path`, else of the nearest key above it, else 1."""
    for depth in range(min(len(path), _DEPTH), 0, -1):
        if path[:depth] in found:
            return found[path[:depth]]
    return 1


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    match = pattern.match(text, at)
    return match.end() if match else at


def _split(keys: str) -> list[str]:
    matches = islice(_KEY.finditer(keys), _DEPTH)  # facts need three levels; deeper keys stand where these do
    return [match[1] or match[2] or match[3] or "" for match in matches]


def _resolve(keys: list[str], base: Path, counts: Mapping[Path, int]) -> Path:
    """`keys` below `base`, with the number of the current entry wherever an array of tables is passed through."""
    path: Path = base
    for number, key in enumerate(keys):
        path = (*path, key)
        if path in counts and number < len(keys) - 1:
            path = (*path, counts[path])
    return path


def _after_value(text: str, at: int) -> int:
    """Where the line ends on which the value that begins at `at` ends."""
    depth = 0
    while at < len(text):
        token = _TOKEN.match(text, at)
        if token is None:
            return len(text)
        if token[0] in "[{":
            depth += 1
        elif token[0] in "]}":
            depth -= 1
        elif token[0] == "\n" and depth <= 0:
            return at
        at = token.end()
    return len(text)
