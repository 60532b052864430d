"""The arguments with which an engine runs: every attribute of its release, defaults filled in."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from seatrial.engine.release import Release
from seatrial.knowledge import models
from seatrial.knowledge.sglang import flag_table

FALLBACK_CONTEXT = 163840
"""Positions of DeepSeek-R1, where the model is not known."""


@dataclass(frozen=True)
class ServerArgs:
    """Arguments after parsing. `values` has every attribute of the release; one that it lacks reads as its absence."""

    release: Release
    values: Mapping[str, Any]

    @classmethod
    def of(cls, release: Release, given: Mapping[str, object]) -> "ServerArgs":
        """Given values over the release's defaults."""
        table = flag_table(release.version)
        defaults = {dest: flag.default for dest, flag in table.by_dest.items() if flag.action != "help"}
        return cls(release, {**defaults, **given})

    def get(self, dest: str, absent: Any = None) -> Any:
        """An attribute; `absent` where the release has none of that name or nothing set it."""
        value = self.values.get(dest)
        return absent if value is None else value

    def _integer(self, dest: str) -> int | None:
        value = self.values.get(dest)
        return int(value) if value is not None else None

    def _text(self, dest: str) -> str | None:
        value = self.values.get(dest)
        return str(value) if value is not None else None

    @property
    def model_path(self) -> str:
        return str(self.get("model_path", ""))

    @property
    def served_model_name(self) -> str:
        return str(self.get("served_model_name") or self.model_path)

    @property
    def host(self) -> str:
        return str(self.get("host", "127.0.0.1"))

    @property
    def port(self) -> int:
        return int(self.get("port", 30000))

    @property
    def tp_size(self) -> int:
        return int(self.get("tp_size", 1))

    @property
    def pp_size(self) -> int:
        return int(self.get("pp_size", 1))

    @property
    def dp_size(self) -> int:
        return int(self.get("dp_size", 1))

    @property
    def nnodes(self) -> int:
        return int(self.get("nnodes", 1))

    @property
    def node_rank(self) -> int:
        return int(self.get("node_rank", 0))

    @property
    def ranks_per_node(self) -> int:
        return self.tp_size * self.pp_size // self.nnodes

    @property
    def api_key(self) -> str | None:
        """An empty key is none (sglang-server facts 1.3)."""
        return self.get("api_key") or None

    @property
    def admin_api_key(self) -> str | None:
        return self.get("admin_api_key") or None

    @cached_property
    def model_length(self) -> int:
        """Positions that the model was made for."""
        found = models.repository_of_path(self.model_path) or models.repository(self.model_path)
        known = models.models().get(found.model) if found is not None else None
        return known.max_positions if known is not None else FALLBACK_CONTEXT

    @property
    def context_length(self) -> int:
        return int(self.get("context_length") or self.model_length)

    @property
    def max_running_requests(self) -> int | None:
        return self._integer("max_running_requests")

    @property
    def max_queued_requests(self) -> int | None:
        return self._integer("max_queued_requests")

    @property
    def reasoning_parser(self) -> str | None:
        return self._text("reasoning_parser")

    @property
    def tool_call_parser(self) -> str | None:
        return self._text("tool_call_parser")

    @property
    def stream_interval(self) -> int:
        return max(int(self.get("stream_interval", 1)), 1)

    @property
    def watchdog_timeout(self) -> float:
        return float(self.get("watchdog_timeout", 300))

    def on(self, dest: str) -> bool:
        """Whether a switch is set, such as `enable_metrics`."""
        return bool(self.values.get(dest))

    @property
    def logged(self) -> str:
        """As the release prints them when it starts, the API key included, as the real one does (facts 0.9)."""
        shown = {dest: value for dest, value in self.values.items() if dest not in ("help", "config")}
        if self.release.since("0.5.14"):
            return f"server_args={shown!r}"
        return f"server_args=ServerArgs({', '.join(f'{dest}={value!r}' for dest, value in shown.items())})"
