"""Where the suites, manifests and fixtures that come with seatrial are: in a checkout or inside the wheel."""

from pathlib import Path

LAYERS = ("static", "cluster")
"""The folders of suites/."""
STOOD_BEHIND = "deepseek-r1-tke"
"""The set that the cluster layer brings up when the user names none."""
MODES = ("read", "deploy", "disruptive")
"""What a run may do on an existing cluster: each has a role with the rights that it needs."""

_PACKAGE = Path(__file__).parent
_CHECKOUT = _PACKAGE.parent.parent


def _folder(name: str, inside_wheel: str) -> Path:
    packed = _PACKAGE / inside_wheel
    return packed if packed.is_dir() else _CHECKOUT / name


def suites() -> Path:
    return _folder("suites", "suites")


def manifests() -> Path:
    return _folder("manifests", "manifests_shipped")


def fixtures() -> Path:
    return _folder("fixtures", "fixtures_shipped")


def role(mode: str) -> str:
    """The ClusterRole with the least rights for a mode, as YAML."""
    return (_folder("rbac", "rbac") / f"{mode}.yaml").read_text(encoding="utf-8")
