"""A kubeconfig: read, checked before anything is asked of the cluster, and turned into a client.

Every error is one line that never shows a token, a password or a key.
Source: Kubernetes documentation, Organizing Cluster Access Using kubeconfig Files.
"""

import base64
import binascii
import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import yaml

from seatrial.clusters.exec_plugin import Credential, ExecPlugin
from seatrial.clusters.provider import ClusterError
from seatrial.live.certificates import BadCertificate, in_bundle

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

LARGEST_FILE = 4 << 20
"""A kubeconfig of a thousand clusters with their certificates, in bytes."""
_FILES = {
    "certificate-authority": "clusters",
    "client-certificate": "users",
    "client-key": "users",
    "tokenFile": "users",
}
_GONE = ("gcp", "azure")
"""Ways of logging in that Kubernetes has removed (client-go 1.26)."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One context of a kubeconfig, with all that it needs in place. What `cluster` and `user` hold is never shown."""

    file: Path
    context: str
    user_name: str
    cluster: Mapping[str, Any]
    user: Mapping[str, Any]

    @property
    def where(self) -> str:
        """How messages call it."""
        return f"--kubeconfig {self.file}, context {self.context}"

    @property
    def server(self) -> str:
        """Scheme, host and port of the API server; a password in the URL is left out."""
        parts = urlsplit(str(self.cluster["server"]))
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}"

    @property
    def unverified(self) -> bool:
        """Whether the kubeconfig says that nobody shall look at the server's certificate."""
        return bool(self.cluster.get("insecure-skip-tls-verify")) and self.server.startswith("https:")


def read(file: Path, context: str | None = None) -> Entry:
    """One context of a kubeconfig, by default its current one. Raises ClusterError."""
    where = f"--kubeconfig {file}"
    config = _parse(file.expanduser(), where)
    contexts = _named(config, "contexts", where)
    if context is None:
        chosen = config.get("current-context")
        if not chosen:
            raise ClusterError(f"{where}: no current context; {_choose(contexts)}")
    else:
        chosen = context
    if chosen not in contexts:
        said = f"--context {chosen}" if context is not None else f"{where}: current context {chosen}"
        close = difflib.get_close_matches(str(chosen), contexts, n=1, cutoff=0)
        more = f"; the closest is {close[0]}" if close else ""
        raise ClusterError(f"{said}: {'it' if context is None else file} has no context of that name{more}")
    inside = contexts[chosen].get("context")
    if not isinstance(inside, dict):
        raise ClusterError(f"{where}: context {chosen} has no content; get a new kubeconfig for this cluster")
    place = f"{where}, context {chosen}"
    cluster = _part(config, "clusters", "cluster", inside.get("cluster"), where, place)
    user_name = str(inside.get("user") or "")
    user = _part(config, "users", "user", user_name, where, place) if user_name else {}
    entry = Entry(file, str(chosen), user_name, cluster, user)
    _check_server(entry)
    _check_files(entry)
    _check_certificates(entry)
    return entry


def client(file: Path, context: str | None = None) -> "ApiClient":
    """The official client for one context. Runs the program that gives credentials, if any. Raises ClusterError."""
    from kubernetes.client import ApiClient, Configuration
    from kubernetes.config.kube_config import KubeConfigLoader

    entry = read(file, context)
    plugin = _plugin(entry)
    user = dict(entry.user)
    credential = plugin.run() if plugin is not None else Credential()
    if plugin is not None:
        del user["exec"]
        user |= _as_user(credential)
    configuration = Configuration()
    loader: Any = KubeConfigLoader  # untyped
    try:
        loader(_alone(entry, user), config_base_path=str(_folder(entry))).load_and_set(configuration)
    except Exception as error:  # an OIDC login raises whatever its libraries do, and its words may hold a token
        reason = type(error).__name__
        raise ClusterError(f"{entry.where}: not usable ({reason}); get a new kubeconfig for this cluster") from None
    _renew(configuration, entry, plugin, credential)
    return ApiClient(configuration)


def _renew(configuration: Any, entry: Entry, plugin: ExecPlugin | None, first: Credential) -> None:
    """Tokens that end during a long run are taken anew, as kubectl does."""
    if plugin is not None and first.token:
        held = [first]

        def ask(configuration: Any) -> None:
            if held[0].stale:
                held[0] = plugin.run()
                configuration.api_key["BearerToken"] = f"Bearer {held[0].token}"

        configuration.refresh_api_key_hook = ask
    elif entry.user.get("tokenFile"):
        file = _folder(entry) / str(entry.user["tokenFile"])

        def look(configuration: Any) -> None:
            try:
                token = file.read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError):
                return  # being replaced; the one of before still holds, or the API server says that it does not
            configuration.api_key["BearerToken"] = f"Bearer {token}"

        configuration.refresh_api_key_hook = look


def _plugin(entry: Entry) -> ExecPlugin | None:
    spec = entry.user.get("exec")
    if not isinstance(spec, dict):
        return None
    return ExecPlugin.of(spec, f"{entry.where}, user {entry.user_name}", _folder(entry), entry.cluster)


def _as_user(credential: Credential) -> dict[str, str]:
    if credential.token:
        return {"token": credential.token}
    pairs = {"client-certificate-data": credential.certificate, "client-key-data": credential.key}
    return {key: base64.b64encode(text.encode()).decode() for key, text in pairs.items()}


def _alone(entry: Entry, user: Mapping[str, Any]) -> dict[str, Any]:
    """A kubeconfig of this context only."""
    named = {"name": "it"}
    return {
        "current-context": "it",
        "contexts": [named | {"context": {"cluster": "it", "user": "it"}}],
        "clusters": [named | {"cluster": dict(entry.cluster)}],
        "users": [named | {"user": dict(user)}],
    }


def _folder(entry: Entry) -> Path:
    """Relative paths in a kubeconfig start from its own folder."""
    return entry.file.expanduser().absolute().parent


def _parse(file: Path, where: str) -> dict[str, Any]:
    try:
        if file.is_dir():
            raise ClusterError(f"{where}: a folder; name the file in it")
        with file.open("rb") as stream:
            data = stream.read(LARGEST_FILE + 1)
    except FileNotFoundError:
        raise ClusterError(f"{where}: no such file; name the kubeconfig of the cluster") from None
    except (OSError, ValueError) as error:
        raise ClusterError(f"{where}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if len(data) > LARGEST_FILE:
        raise ClusterError(f"{where}: larger than {LARGEST_FILE >> 20} MiB; this is no kubeconfig")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise ClusterError(f"{where}: not text in UTF-8; this is no kubeconfig") from None
    if not text.strip():
        raise ClusterError(f"{where}: empty; name the kubeconfig of the cluster")
    try:
        config = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f" (line {mark.line + 1})" if mark is not None else ""
        raise ClusterError(f"{where}: not YAML{line}; this is no kubeconfig") from None
    if not isinstance(config, dict) or not {"clusters", "contexts"} & config.keys():
        raise ClusterError(f"{where}: holds neither clusters nor contexts; this is no kubeconfig")
    return config


def _named(config: Mapping[str, Any], key: str, where: str) -> dict[str, Mapping[str, Any]]:
    """The entries of one list by their names."""
    entries = config.get(key) or []
    if not isinstance(entries, list) or not all(isinstance(one, dict) and one.get("name") for one in entries):
        raise ClusterError(f"{where}: `{key}` is no list of entries with names; get a new kubeconfig for this cluster")
    return {str(one["name"]): one for one in entries}


def _choose(contexts: Mapping[str, Any]) -> str:
    if not contexts:
        return "it has no context at all; get a new kubeconfig for this cluster"
    return f"choose one with --context: {', '.join(list(contexts)[:6])}"


def _part(config: Mapping[str, Any], key: str, inside: str, name: object, where: str, place: str) -> Mapping[str, Any]:
    """The cluster or user that a context names."""
    if not name:
        raise ClusterError(f"{place}: it names no {inside}; get a new kubeconfig for this cluster")
    entries = _named(config, key, where)
    found = entries[str(name)].get(inside) if str(name) in entries else None
    if not isinstance(found, dict):
        has = ", ".join(list(entries)[:6]) or "none"
        raise ClusterError(f"{place}: there is no {inside} {name}, which it names; {key}: {has}")
    return found


def _check_server(entry: Entry) -> None:
    server = entry.cluster.get("server")
    try:
        parts = urlsplit(server) if isinstance(server, str) else None
        usable = parts is not None and parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number
        usable = False
    if not usable:
        raise ClusterError(f"{entry.where}: its cluster's `server` is no URL such as https://10.0.0.1:6443")


def _check_files(entry: Entry) -> None:
    for key, section in _FILES.items():
        named = (entry.cluster if section == "clusters" else entry.user).get(key)
        if not named:
            continue
        file = _folder(entry) / str(named)
        try:
            with file.open("rb") as stream:
                stream.read(1)
        except OSError as error:
            raise ClusterError(f"{entry.where}: {key} {file} cannot be read: {error.strerror}") from None
    provider = entry.user.get("auth-provider")
    name = str(provider.get("name")) if isinstance(provider, dict) else ""
    if name in _GONE:
        raise ClusterError(
            f"{entry.where}, user {entry.user_name}: auth-provider {name} is no longer part of Kubernetes; "
            "get a kubeconfig with an exec entry or a token"
        )


def _check_certificates(entry: Entry) -> None:
    _certificates(entry, entry.cluster, "certificate-authority")
    found = _certificates(entry, entry.user, "client-certificate")
    if found and not (entry.user.get("client-key") or entry.user.get("client-key-data")):
        raise ClusterError(f"{entry.where}, user {entry.user_name}: a client certificate without its client-key")
    now = datetime.now(UTC)
    if not found or found[0].valid_at(now):
        return
    owner = f"{entry.where}, user {entry.user_name}"
    if now > found[0].ends:
        raise ClusterError(
            f"{owner}: its client certificate expired on {found[0].ends:%Y-%m-%d %H:%M} UTC; get a new kubeconfig"
        )
    raise ClusterError(
        f"{owner}: its client certificate is valid from {found[0].begins:%Y-%m-%d %H:%M} UTC on; is the clock right?"
    )


def _certificates(entry: Entry, part: Mapping[str, Any], key: str) -> list[Any]:
    """The certificates behind a key, which may name a file or hold them itself; data win, as with kubectl."""
    data, named = part.get(f"{key}-data"), part.get(key)
    if not data and not named:
        return []
    try:
        encoded = str(data) if data else base64.b64encode((_folder(entry) / str(named)).read_bytes()).decode()
        return list(in_bundle("".join(encoded.split())))
    except (BadCertificate, binascii.Error) as bad:
        said = f"{key}-data" if data else f"{key} {named}"
        raise ClusterError(f"{entry.where}: {said}: {bad}; get a new kubeconfig for this cluster") from None
