"""The words that real bash gives to `python3`, for comparison with our evaluation."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

BASH = shutil.which("bash")
PROGRAM = '#!/bin/sh\n[ $# -gt 0 ] && printf "%s\\0" "$@" >> "$RECORD"\nprintf "\\036" >> "$RECORD"\n'


class RealBash:
    """Runs scripts in an empty folder where `python3` only writes down its words."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bin = folder / "bin"
        self.work = folder / "work"
        self.record = folder / "record"
        self.bin.mkdir()
        self.work.mkdir()
        program = self.bin / "python3"
        program.write_text(PROGRAM)
        program.chmod(0o755)

    def calls(self, script: str, environment: Mapping[str, str], shell: str = "bash") -> list[list[str]]:
        """The words of every call of python3, in order."""
        self.record.write_bytes(b"")
        for file in self.work.iterdir():
            file.unlink()
        subprocess.run(
            [shell, "-c", script],
            cwd=self.work,
            env={"PATH": f"{self.bin}{os.pathsep}{os.environ['PATH']}", "RECORD": str(self.record), **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=10,
            check=False,
        )
        calls = self.record.read_bytes().decode().split("\x1e")
        return [call.split("\0")[:-1] for call in calls[:-1]]
