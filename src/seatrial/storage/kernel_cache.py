"""Where SGLang keeps the kernels that DeepGEMM compiles at the first start.

Read in the releases of sgl-project/sglang: deep_gemm.py, later deep_gemm_wrapper/compile_utils.py, and environ.py.
"""

from seatrial.finding import CannotTell
from seatrial.knowledge.versions import Version, parse
from seatrial.storage import mounts
from seatrial.storage.mounts import Directory
from seatrial.workload.serving import Role

HOME = "/root"
_SWITCHES = ("SGLANG_ENABLE_JIT_DEEPGEMM", "SGL_ENABLE_JIT_DEEPGEMM")
_OFF = ("0", "false", "f", "no", "n", "off")
_ON_SINCE = "0.4.4.post3"
_OFF_AGAIN = "0.4.5.post3"
# First release → the variables that move the cache, and where it is without them, below the home directory.
_PLACES = (
    ("0.5.18", ("SGLANG_DG_CACHE_DIR", "SGL_DG_CACHE_DIR"), ".cache/sglang/deep_gemm"),
    ("0.5.5", ("SGLANG_DG_CACHE_DIR", "SGL_DG_CACHE_DIR"), ".cache/deep_gemm"),
    ("0.4.5.post3", ("SGL_DG_CACHE_DIR",), ".cache/deep_gemm"),
    ("0", ("DG_CACHE_DIR",), ".deep_gemm"),
)


def compiles(role: Role) -> bool:
    """Whether the engine compiles kernels on a GPU of capability 9.0 or higher.

    Raises CannotTell when the version is not known and versions differ, or when a variable is set and not known.
    """
    switch = next((name for name in _SWITCHES if name in role.engine_environment), None)
    if switch is not None:
        return _known(role, switch).lower() not in _OFF
    return bool(role.across_versions(_on_by_default, "whether the engine compiles kernels"))


def _on_by_default(version: str) -> bool:
    return _number(version) >= _number(_ON_SINCE) and _number(version) != _number(_OFF_AGAIN)


def _number(version: str) -> Version:
    return parse(version) or Version((0, 0, 0, 0))


def path(role: Role) -> str:
    """The directory of the cache in the container. Raises CannotTell when it depends on what is not known."""
    return str(role.across_versions(lambda version: _path(role, version), "where the engine keeps compiled kernels"))


def _path(role: Role, version: str) -> str:
    names, default = next((names, place) for first, names, place in _PLACES if _number(version) >= _number(first))
    home = role.variable("HOME") or HOME
    for name in names:
        if name in role.engine_environment:
            return _known(role, name).replace("~", home, 1)
    if default.startswith(".cache/sglang/") and "SGLANG_CACHE_DIR" in role.engine_environment:
        return _known(role, "SGLANG_CACHE_DIR").replace("~", home, 1) + "/deep_gemm"
    return f"{home}/{default}"


def _known(role: Role, name: str) -> str:
    value = role.variable(name)
    if value is None:
        raise CannotTell(f"the value of {name} is not known from the manifests")
    return value


def directory(role: Role) -> Directory | None:
    """The directory of the cache as a place on a volume, None when it is on none. Raises CannotTell as `path`."""
    return mounts.directory(role.manifests, role.template, role.container, path(role), role.container_variable)
