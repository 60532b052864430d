"""``modelscope download`` and ``huggingface-cli download`` (``hf download``), which write a small model's folder.

A file that is complete is left alone, one that was cut off is written to its end. Source: command lines of the
packages modelscope and huggingface_hub.
"""

import argparse
import errno
import os
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path

from seatrial.engine import settings
from seatrial.engine.checkpoint import contents
from seatrial.engine.settings import InvalidSetting, Settings
from seatrial.knowledge import models

_PART = ".incomplete"


def modelscope(argv: Sequence[str] | None = None, environment: Mapping[str, str] | None = None) -> int:
    """``modelscope download --model MODEL --local_dir DIR``. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="modelscope")
    commands = parser.add_subparsers(dest="command", required=True)
    download = commands.add_parser("download")
    download.add_argument("repo_id", nargs="?")
    download.add_argument("files", nargs="*")
    download.add_argument("--model")
    download.add_argument("--dataset")
    download.add_argument("--revision")
    download.add_argument("--cache_dir")
    download.add_argument("--local_dir")
    download.add_argument("--include", nargs="*", default=[])
    download.add_argument("--exclude", nargs="*", default=[])
    download.add_argument("--max-workers", type=int)
    download.add_argument("--token")
    given = parser.parse_args(argv)
    name = given.model or given.repo_id
    if name is None:
        parser.error("one of the arguments --model repo_id is required")
    home = (os.environ if environment is None else environment).get("MODELSCOPE_CACHE", "~/.cache/modelscope/hub")
    folder = given.local_dir or f"{given.cache_dir or home}/models/{name}"
    words = given.files or given.include
    return _download(name, folder, words, given.exclude, environment, f"modelscope.hub.errors.NotExistError: {name}")


def huggingface(argv: Sequence[str] | None = None, environment: Mapping[str, str] | None = None) -> int:
    """``huggingface-cli download REPO [FILE ...] --local-dir DIR``. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="huggingface-cli")
    commands = parser.add_subparsers(dest="command", required=True)
    download = commands.add_parser("download")
    download.add_argument("repo_id")
    download.add_argument("filenames", nargs="*")
    for flag in ("--repo-type", "--revision", "--cache-dir", "--local-dir", "--token"):
        download.add_argument(flag)
    download.add_argument("--include", nargs="*", default=[])
    download.add_argument("--exclude", nargs="*", default=[])
    download.add_argument("--max-workers", type=int)
    download.add_argument("--quiet", action="store_true")
    download.add_argument("--force-download", action="store_true")
    download.add_argument("--resume-download", action="store_true")
    given = parser.parse_args(argv)
    home = (os.environ if environment is None else environment).get("HF_HOME", "~/.cache/huggingface")
    folder = given.local_dir or f"{given.cache_dir or f'{home}/hub'}/models--{given.repo_id.replace('/', '--')}"
    words = given.filenames or given.include
    said = f"huggingface_hub.errors.RepositoryNotFoundError: 404 Client Error. Repository Not Found: {given.repo_id}"
    return _download(given.repo_id, folder, words, given.exclude, environment, said)


def _download(
    name: str,
    folder: str,
    include: Sequence[str],
    exclude: Sequence[str],
    environment: Mapping[str, str] | None,
    unknown: str,
) -> int:
    try:
        chosen = Settings(**settings.from_environment(environment))
    except InvalidSetting as error:
        print(f"seatrial engine: {error}", file=sys.stderr)
        return 4
    repository = models.repository(name)
    if repository is None:
        print(unknown, file=sys.stderr)
        return 1
    target = Path(folder).expanduser()
    wanted = [(file, data) for file, data in contents.files(repository) if _is_wanted(file, include, exclude)]
    try:
        _write_all(target, wanted, chosen.download_time_ns / 1e9)
    except OSError as error:
        where = error.filename or target
        print(f"OSError: [Errno {error.errno}] {error.strerror}: {str(where)!r}", file=sys.stderr)
        if error.errno == errno.ENOSPC:
            print("free space on the volume and start again: what is complete is kept", file=sys.stderr)
        return 1
    print(f"Successfully downloaded {name} to {target}")
    return 0


def _is_wanted(file: str, include: Sequence[str], exclude: Sequence[str]) -> bool:
    chosen = not include or any(fnmatch(file, pattern) for pattern in include)
    return chosen and not any(fnmatch(file, pattern) for pattern in exclude)


def _write_all(target: Path, wanted: Iterable[tuple[str, bytes]], seconds: float) -> None:
    files = list(wanted)
    target.mkdir(parents=True, exist_ok=True)
    pause = seconds / max(len(files), 1)
    for number, (name, data) in enumerate(files, 1):
        path = target / name
        if path.is_file() and path.stat().st_size == len(data):
            continue
        _write(path, data, pause)
        print(f"Downloading [{name}]: 100%| {number}/{len(files)} files", file=sys.stderr, flush=True)


def _write(path: Path, data: bytes, seconds: float) -> None:
    """Through a file beside it, which a download that was cut off goes on with."""
    part = path.with_name(path.name + _PART)
    done = part.stat().st_size if part.is_file() else 0
    half = max(len(data) // 2, 1)
    with part.open("ab") as file:
        file.write(data[done : max(half, done)])
        file.flush()
        time.sleep(seconds)
        file.write(data[max(half, done) :])
    if part.stat().st_size != len(data):  # it was of another file
        part.write_bytes(data)
    part.replace(path)
