"""The words that scripts give to a program: our evaluation against bash itself.

Random scripts are made of what the evaluation supports; every question in them can be decided.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from seatrial.manifests.launch import container_environment
from seatrial.manifests.launch.ways import Way, command_line, ways

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


ENVIRONMENT = {
    "A": "x y",
    "B": "b",
    "E": "",
    "N": "7",
    "HOSTNAME": "deepseek-0-3",
    "P": "/data/model/x.tar.gz",
    "S": "a,b;;c",
}

_names = st.sampled_from(["A", "B", "E", "N", "P", "S", "V", "W", "HOSTNAME"])
_plain = st.sampled_from(["a", "b-c", "--flag", "x=1", "7", "/data/x", "a.b", "k:5000", "-1", "%", "@", "+"])
_operands = st.sampled_from(["z", "p q", '"p q"', "$B", '"$A"', "", "'q r'", "${B}x", "$A"])
_patterns = st.sampled_from(["*", "x*", "*/", "*.", "?", "[a-m]", "-*", '"-"', "*-", ".*", "$B", "[!a]", "/*"])
_numbers = st.sampled_from(["N", "$N", "3", "(N-2)", "${#P}", "0", "10"])


@st.composite
def _expansion(draw: st.DrawFn) -> str:
    name = draw(_names)
    match draw(st.integers(0, 9)):
        case 0 | 1:
            return "$" + name if draw(st.booleans()) else f"${{{name}}}"
        case 2:
            return f"${{{name}{draw(st.sampled_from([':-', '-', ':+', '+', ':=', '=']))}{draw(_operands)}}}"
        case 3:
            return f"${{{name}{draw(st.sampled_from(['#', '##', '%', '%%']))}{draw(_patterns)}}}"
        case 4:
            return f"${{{name}{draw(st.sampled_from(['/', '//', '/#', '/%']))}{draw(_patterns.filter(lambda p: '/' not in p))}/{draw(st.sampled_from(['', 'r', '$B', '-']))}}}"
        case 5:
            return f"${{#{name}}}"
        case 6:
            return f"${{{name}:{draw(st.integers(0, 5))}{draw(st.sampled_from(['', ':2', ':0', ': -1']))}}}"
        case 7:
            operator = draw(
                st.sampled_from(["+", "-", "*", "<", ">", "==", "&&", "||", "|", "&", "^", "<<", ",", "%", "/"])
            )
            right = draw(_numbers) if operator not in "%/" else "3"
            return f"$(({draw(_numbers)} {operator} {right}))"
        case 8:
            return f"$(echo {draw(_plain)} {draw(st.sampled_from(['$A', chr(34) + '$A' + chr(34), 'x']))})"
        case _:
            return draw(
                st.sampled_from(
                    ["$1", "$#", "$*", "$@", "${2:-two}", "${L[@]}", "${L[1]}", "${#L[@]}", "${L[*]}", "$?x"]
                )
            )


@st.composite
def _piece(draw: st.DrawFn) -> str:
    match draw(st.integers(0, 7)):
        case 0 | 1:
            return draw(_plain)
        case 2 | 3:
            return draw(_expansion())
        case 4:
            return '"' + draw(_plain) + draw(_expansion()) + draw(st.sampled_from(["", " ", "  y", "'"])) + '"'
        case 5:
            return '"' + draw(_expansion()) + '"'
        case 6:
            return draw(st.sampled_from(["'a  b'", "\\$A", "\\ ", '""', "$'t\\tn'", "'$B'", '"\\"q\\""', "\\\\"]))
        case _:
            return draw(st.sampled_from(["{1..3}", "{a,b}", "{a,${B}}c", "x{,y}", '"$@"', '"${L[@]}"', '"$*"']))


_words = st.lists(_piece(), min_size=1, max_size=3).map("".join)
_call = st.lists(_words, max_size=5).map(lambda words: " ".join(["python3", *words]))
_assignment = st.builds(
    lambda name, op, value: f"{name}{op}{value}",
    st.sampled_from(["V", "W", "A"]),
    st.sampled_from(["=", "+="]),
    st.one_of(_expansion(), _plain, _expansion().map('"{}"'.format), st.just("")),
)
_array = st.builds(
    lambda op, items: f"L{op}({' '.join(items)})", st.sampled_from(["=", "+="]), st.lists(_words, max_size=3)
)
_test = st.one_of(
    st.sampled_from(
        [
            "true",
            "false",
            "! true",
            "[[ $A == x* ]]",
            "[ $N -gt 3 ]",
            '[ -z "$E" ]',
            "[[ -n $V && $B = b ]]",
            "((N > 5))",
        ]
    ),
    st.builds('[ "{}" {} "{}" ]'.format, _names.map("$".__add__), st.sampled_from(["=", "!="]), _plain),
    st.builds("[[ {} {} {} ]]".format, _names.map("$".__add__), st.sampled_from(["==", "!="]), _plain),
    st.builds(
        '[ {} {} {} -a -n "$B" ]'.format, st.just("$N"), st.sampled_from(["-eq", "-lt", "-ge"]), st.integers(0, 9)
    ),
)

_simple = st.one_of(
    _call, _call, _call, _assignment, _array,
    st.builds("set -- {} {}".format, _words, _words),
    st.sampled_from(["shift", "export V", "unset V", "unset L", "IFS=,", "IFS=' '", "read -r V W <<< \"$HOSTNAME\"", "set -e", "set -f"]),
)  # fmt: skip


def _compound(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    body = st.lists(inner, min_size=1, max_size=3).map("; ".join)
    return st.one_of(
        st.builds("if {}; then {}; else {}; fi".format, _test, body, body),
        st.builds("if {}; then {}; elif {}; then {}; fi".format, _test, body, _test, body),
        st.builds("for i in {}; do {}; done".format, st.lists(_words, min_size=1, max_size=3).map(" ".join), body),
        st.builds("for ((i=0; i<{}; i++)); do {}; done".format, st.integers(0, 3), _simple),
        st.builds("while [ ${{w:-0}} -lt {} ]; do {}; w=$((w+1)); done".format, st.integers(0, 3), body),
        st.builds("case {} in {}) {} ;; *b*|7) {} ;; *) {} ;; esac".format, _words, _patterns, body, body, body),
        st.builds("( {} )".format, body),
        st.builds("{{ {}; }}".format, body),
        st.builds("{} && {} || :".format, _test, inner),
        st.builds("{} || {}".format, _test, inner),
        st.builds("f() {{ local V=loc; {}; return {}; }}; f {} || {}".format, body, st.integers(0, 2), _words, inner),
        st.builds("bash -c 'python3 $0 \"$@\"' {} {}".format, _words, _words),
        st.builds('V={} python3 "$V"'.format, _plain),
        st.builds('cat > f.sh <<EOF\npython3 file "\\$1" {}\nEOF\nbash f.sh {}'.format, _plain, _words),
    )


_statement = st.recursive(_simple, _compound, max_leaves=6)
scripts = st.lists(_statement, min_size=1, max_size=6).map(
    lambda lines: "\n".join([*lines, 'python3 end "$V" "${L[@]}" $*'])
)


CORPUS = (Path(__file__).parent / "shell_corpus.txt").read_text().rstrip("\n").split("\n%%\n")
needs_bash = pytest.mark.skipif(BASH is None, reason="no bash to compare with")


@pytest.fixture(scope="module")
def bash() -> RealBash:
    with tempfile.TemporaryDirectory() as folder:
        yield RealBash(Path(folder))


def evaluate(script: str, shell: str = "bash") -> list[Way]:
    # The kubelet takes $$ for an escaped $, real bash gets the script as it is.
    container = {
        "command": [shell, "-c", script.replace("$$", "$$$$")],
        "env": [{"name": name, "value": value} for name, value in ENVIRONMENT.items()],
    }
    environment = container_environment(container, (), lambda _: None, lambda *_: None)
    found, complete = ways(command_line(container, environment), environment, lambda _: False)
    assert complete
    return found


def calls(way: Way) -> list[list[tuple[str, bool]]]:
    return [
        [(word.text, word.known) for word in command.program[1:]]
        for command in way.run.commands
        if command.name == "python3"
    ]


@needs_bash
@pytest.mark.parametrize("script", CORPUS, ids=range(len(CORPUS)))
def test_gives_the_words_that_bash_gives(script: str, bash: RealBash) -> None:
    (way,) = evaluate(script)
    assert way.unsupported is None
    assert not way.run.unreadable
    assert [[text for text, _ in call] for call in calls(way)] == bash.calls(script, ENVIRONMENT)
    assert all(known for call in calls(way) for _, known in call)


@needs_bash
@settings(
    max_examples=60, deadline=None, database=None, derandomize=True, phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
@given(script=scripts)
def test_gives_the_words_that_bash_gives_to_random_scripts(script: str, bash: RealBash) -> None:
    found = evaluate(script)
    if len(found) > 1 or found[0].unsupported or found[0].run.unreadable:
        return  # said to be undecided: no claim to compare
    ours, real = calls(found[0]), bash.calls(script, ENVIRONMENT)
    if any(not known for call in ours for _, known in call):
        return
    assert [[text for text, _ in call] for call in ours] == real


def test_random_scripts_are_mostly_decided() -> None:
    """Guards the test above against claiming nothing."""
    claimed: list[bool] = []

    @settings(max_examples=60, deadline=None, database=None, derandomize=True, phases=[Phase.generate],
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(script=scripts)
    def count(script: str) -> None:
        found = evaluate(script)
        claimed.append(len(found) == 1 and not found[0].unsupported and not found[0].run.unreadable)

    count()
    assert sum(claimed) > 0.8 * len(claimed)
