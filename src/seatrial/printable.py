"""Text of users made fit for a terminal, where control characters and marks of direction act instead of show."""

import re

# C0 without tab and newline, delete and C1, what sets the direction of text, line separators, lone surrogates.
_ACTING = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def one_line(text: str, longest: int) -> str:
    """The text as one line of at most `longest` characters."""
    line = " ".join(text.split())
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def printable(text: str) -> str:
    """The text with what a terminal would obey written out, an escape as backslash, x, 1, b."""
    return _ACTING.sub(lambda found: found[0].encode("unicode_escape", "surrogatepass").decode(), text)
