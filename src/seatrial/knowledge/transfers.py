"""How long a model takes to arrive: over the network, and from a file system."""


def download_seconds(size_bytes: float, mbit_s: float) -> float:
    """Seconds to fetch `size_bytes` at `mbit_s` megabits (10^6) per second; mbit_s must be positive."""
    return size_bytes * 8 / (mbit_s * 1e6)


def read_seconds(size_bytes: float, gb_s: float) -> float:
    """Seconds to read `size_bytes` at `gb_s` gigabytes (10^9) per second; gb_s must be positive."""
    return size_bytes / (gb_s * 1e9)
