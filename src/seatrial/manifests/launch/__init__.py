"""From a container to the words that its program really gets: the kubelet's share, the shell's share, the engine's."""

from seatrial.manifests.launch.download import Download, download_of
from seatrial.manifests.launch.environment import Environment, container_environment
from seatrial.manifests.launch.resolve import Launch, resolve
from seatrial.manifests.shell.command import Command, Problem, Word
from seatrial.manifests.shell.values import Value

__all__ = [
    "Command",
    "Download",
    "Environment",
    "Launch",
    "Problem",
    "Value",
    "Word",
    "container_environment",
    "download_of",
    "resolve",
]
