"""Which model a container downloads, with which tool, and into which directory.

Command lines: modelscope/cli/download.py, huggingface_hub/commands (``huggingface-cli download``, ``hf download``).
"""

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from seatrial.manifests.launch.environment import Environment
from seatrial.manifests.launch.ways import Way, command_line, ways
from seatrial.manifests.shell.command import Command, Word
from seatrial.manifests.shell.invocation import basename
from seatrial.manifests.shell.values import Unsupported, Value

_VALUED = frozenset({
    "--model", "--dataset", "--local_dir", "--local-dir", "--cache_dir", "--cache-dir", "--include",
    "--exclude", "--revision", "--token", "--max-workers", "--repo-type", "--endpoint", "--source",
    "--local-dir-use-symlinks", "--repo_type", "--repo-id",
})  # fmt: skip
_DIRECTORIES = ("--local-dir", "--cache-dir")
_MANY = frozenset({"--include", "--exclude"})
_GIT_VALUED = frozenset({
    "-b", "--branch", "--depth", "-c", "--config", "--filter", "-o", "--origin", "-j", "--jobs", "--reference",
})  # fmt: skip
_HUB = re.compile(
    r"(?:https?://|git@)[^/\s]*(modelscope|huggingface|hf-mirror)[^/\s]*/(?:models/)?(?P<repository>[^\s]+?)(?:\.git)?/?\Z"
)
_PYTHON = re.compile(r"python(3(\.\d+)?)?\Z")


@dataclass(frozen=True, slots=True)
class Download:
    """``tool`` is "modelscope", "huggingface" or "git"; ``directory`` is None when the tool's own default is used.

    ``endpoint`` is the hub that HF_ENDPOINT (or the URL) names. ``certain`` is false when the download happens on
    some ways through a script only.
    """

    tool: str
    repository: Word | None
    directory: Word | None
    certain: bool = True
    include: tuple[Word, ...] = ()
    exclude: tuple[Word, ...] = ()
    endpoint: Value | None = None
    command: tuple[Word, ...] = ()


def download_of(container: Mapping[str, Any], environment: Environment) -> Download | None:
    """The first model download of a raw container, or None. Never raises on bad manifests."""
    try:
        line = command_line(container, environment)
    except Unsupported:
        return None
    if not line.words or not _hints(line.written, environment):
        return None
    found, _ = ways(line, environment, lambda _: False)
    seen = [(way, next(_downloads(way), None)) for way in found if not way.abandoned]
    first = next((download for _, download in seen if download is not None), None)
    if first is None:
        return None
    return replace(first, certain=all(download is not None or way.failed for way, download in seen))


def _hints(written: Sequence[tuple[object, str]], environment: Environment) -> bool:
    """A cheap look first: most containers download nothing."""
    text = " ".join(text for _, text in written) + " ".join(value.text for value in environment.values.values())
    return any(word in text for word in ("download", "clone"))


def _downloads(way: Way) -> Iterator[Download]:
    for command in way.run.commands:
        download = _of_command(command)
        if download is not None:
            yield replace(download, command=command.words)


def _of_command(command: Command) -> Download | None:
    words, name = command.program, command.name
    if _PYTHON.match(name) and len(words) > 2 and words[1].text == "-m":
        module = words[2].text
        if module.startswith("modelscope"):
            words, name = words[2:], "modelscope"
    elif _PYTHON.match(name) and len(words) > 2 and basename(words[1]) in _TOOLS:
        words, name = words[1:], basename(words[1])
    if name == "git":
        return _cloned(words)
    if _PYTHON.match(name):
        return _coded(command)
    tool = _TOOLS.get(name)
    return _by_tool(tool, command, words) if tool else None


_TOOLS = {"modelscope": "modelscope", "ms": "modelscope", "huggingface-cli": "huggingface", "hf": "huggingface"}


def _by_tool(tool: str, command: Command, words: Sequence[Word]) -> Download | None:
    at = next((at for at, word in enumerate(words) if at and not word.text.startswith("-")), None)
    if at is None or words[at].text != "download":
        return None
    options, operands = _options(words[at + 1 :])
    if "--dataset" in options:
        return None
    repository = next(iter(options.get("--model") or options.get("--repo-id") or operands), None)
    directory = next((options[name][-1] for name in _DIRECTORIES if name in options), None)
    include, exclude = tuple(options.get("--include", ())), tuple(options.get("--exclude", ()))
    endpoint = command.environment.get("HF_ENDPOINT") if tool == "huggingface" else None
    return Download(tool, repository, directory, True, include, exclude, endpoint)


def _options(words: Sequence[Word]) -> tuple[dict[str, list[Word]], list[Word]]:
    """Options with their values under the dashed spelling, and the operands."""
    options: dict[str, list[Word]] = {}
    operands: list[Word] = []
    at = 0
    while at < len(words):
        word = words[at]
        at += 1
        if not word.text.startswith("--"):
            operands.append(word)
            continue
        name, equals, text = word.text.partition("=")
        values = options.setdefault(name.replace("_", "-"), [])
        if equals:
            values.append(replace(word, text=text))
        elif name in _VALUED:
            last = at + 1
            while name in _MANY and last < len(words) and not words[last].text.startswith("-"):
                last += 1
            values += words[at:last]
            at = last
    return options, operands


def _cloned(words: Sequence[Word]) -> Download | None:
    rest = [word for word in words[1:] if word.text not in {"lfs"}]
    if not rest or rest[0].text != "clone":
        return None
    operands, at = [], 1
    while at < len(rest):
        if rest[at].text in _GIT_VALUED:
            at += 1
        elif not rest[at].text.startswith("-"):
            operands.append(rest[at])
        at += 1
    found = _HUB.match(operands[0].text) if operands else None
    if found is None:
        return None
    repository = replace(operands[0], text=found["repository"])
    directory = operands[1] if len(operands) > 1 else replace(repository, text=repository.text.rsplit("/", 1)[-1])
    return Download("git", repository, directory, endpoint=Value(found[1]))


def _coded(command: Command) -> Download | None:
    """``snapshot_download(...)`` in code given with ``-c`` or on standard input, when its arguments are literal."""
    words = command.program
    at = next((at for at, word in enumerate(words) if word.text == "-c"), None)
    if at is not None and at + 1 < len(words):
        place, code = words[at + 1], words[at + 1].value
    elif command.body is not None:
        place, code = words[0], command.body
    else:
        return None
    if "snapshot_download" not in code.text or not code.known:
        return None
    call = _snapshot_call(code.text)
    if call is None:
        return None
    tool = "modelscope" if "modelscope" in code.text else "huggingface"
    values = _literals(call)
    repository, directory = (
        None if text is None else replace(place, text=text)
        for text in (
            values.get("0") or values.get("model_id") or values.get("repo_id"),
            values.get("local_dir") or values.get("cache_dir"),
        )
    )
    endpoint = command.environment.get("HF_ENDPOINT") if tool == "huggingface" else None
    return Download(tool, repository, directory, endpoint=endpoint)


def _snapshot_call(code: str) -> ast.Call | None:
    import textwrap

    try:
        tree = ast.parse(textwrap.dedent(code))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            if name == "snapshot_download":
                return node
    return None


def _literals(call: ast.Call) -> dict[str, str]:
    given = [(str(at), node) for at, node in enumerate(call.args)]
    given += [(keyword.arg or "", keyword.value) for keyword in call.keywords]
    return {name: node.value for name, node in given if isinstance(node, ast.Constant) and isinstance(node.value, str)}
