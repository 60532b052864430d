"""What makes an image answer to SGLang's names: ``python3 -m seatrial.engine.shim DIR`` writes the files into DIR.

With DIR/bin on PATH and DIR/lib on PYTHONPATH, ``python3 -m sglang.launch_server``, ``sglang serve``,
``modelscope download``, ``huggingface-cli download`` and ``hf download`` are the engine's.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

_PACKAGE = '''\
"""SGLang's name, for the engine that stands for it."""


def __getattr__(name):
    if name != "__version__":
        raise AttributeError(name)
    import os

    from seatrial.engine.launch import RELEASE, release_of

    return release_of(os.environ.get(RELEASE)).version
'''
_LAUNCH = """\
from seatrial.engine.launch import main

if __name__ == "__main__":
    raise SystemExit(main())
"""
_PROGRAM = """\
#!/usr/bin/env python3
import sys

from {module} import {function}

sys.exit({function}())
"""
_PROGRAMS = {
    "sglang": ("seatrial.engine.shim", "sglang"),
    "modelscope": ("seatrial.engine.checkpoint.download", "modelscope"),
    "huggingface-cli": ("seatrial.engine.checkpoint.download", "huggingface"),
    "hf": ("seatrial.engine.checkpoint.download", "huggingface"),
}


def contents() -> Mapping[str, str]:
    """Every file below the folder, by its path."""
    found = {"lib/sglang/__init__.py": _PACKAGE, "lib/sglang/launch_server.py": _LAUNCH}
    for name, (module, function) in _PROGRAMS.items():
        found[f"bin/{name}"] = _PROGRAM.format(module=module, function=function)
    return found


def install(folder: Path) -> None:
    """Write the files; those that are there are replaced. Raises OSError."""
    for name, text in contents().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755 if name.startswith("bin/") else 0o644)


def sglang() -> int:
    """``sglang serve ARGS``, in releases that have it."""
    from seatrial.engine.launch import RELEASE, main, release_of
    from seatrial.engine.settings import InvalidSetting

    words = sys.argv[1:]
    try:
        serves = release_of(os.environ.get(RELEASE)).since("0.5.10.post1")
    except InvalidSetting as error:
        print(f"seatrial engine: {error}", file=sys.stderr)
        return 4
    if not serves:
        print("sglang: no such command in this release: python3 -m sglang.launch_server", file=sys.stderr)
        return 127
    if words[:1] != ["serve"]:
        print("usage: sglang serve --model-path MODEL [options]", file=sys.stderr)
        return 2
    return main(words[1:], advise=False)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python3 -m seatrial.engine.shim DIR")
    install(Path(sys.argv[1]))
