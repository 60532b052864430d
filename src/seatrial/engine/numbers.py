"""Numbers as people write them in options."""


def whole(text: str) -> int:
    """A number of things. Raises ValueError with one line for the user."""
    if not text.strip().isdigit():
        raise ValueError(f"{text!r} is no whole number")
    return int(text)


def share(text: str) -> float:
    """A part of something, from 0 to 1. Raises ValueError with one line for the user."""
    try:
        found = float(text)
    except ValueError:
        found = -1.0
    if not 0 <= found <= 1:
        raise ValueError(f"{text!r} is no share; write a number from 0 to 1")
    return found
