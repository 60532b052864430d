"""ARG: launch line and flags."""

from collections.abc import Callable, Iterator

from seatrial.finding import Blocked, CannotTell, Finding, NotApplicable, Place
from seatrial.knowledge import sglang, transfers
from seatrial.knowledge.sglang import ArgError, Parsed, Use, behaviour
from seatrial.requirement import Outcomes, requirement
from seatrial.storage import model
from seatrial.workload.engine_variables import engine_variable
from seatrial.workload.serving import Group, Role

TORCH_TIMEOUT_S = 600
SAFE_TIMEOUT_S = 1200
SAFE_WATCHDOG_S = 1800
DEFAULT_WATCHDOG_S = 300

# Errors that end argparse, by the requirement that reports them.
UNKNOWN_FLAG = ("unrecognized", "retired", "help")
WRONG_VALUE = ("invalid choice", "invalid value", "expected argument", "ignored explicit argument", "required")


@requirement(
    "ARG-00",
    why="All argument rules would be blind.",
    fix="Start python3 -m sglang.launch_server or sglang serve in command and args, or in a script that stands there.",
)
def test_launch_line_can_be_read(role: Role) -> Outcomes:
    """Leader and worker MUST have a launch line that can be read down to SGLang's arguments."""
    launch = role.launch
    if launch.argv is None:
        reason = launch.unresolved or "no launch line"
        yield Finding(role.command_place, f"{role.name}: {reason}", "a command that starts SGLang with its arguments")
    elif launch.uncertain:
        yield CannotTell(f"{role.title}: {launch.uncertain}", "write the launch line without the undecided condition")
    elif role.arguments.config_file is not None:
        yield CannotTell(f"{role.title}: --config reads further options from a file that is not in the manifests")


def _judge(role: Role, pick: Callable[[Parsed], Iterator[str]], question: str) -> tuple[set[str], list[CannotTell]]:
    """What `pick` finds in the version of the image; of an unknown one, what it finds in all versions alike.

    A version that is named and not known may differ from all of them.
    """
    if role.version is not None:
        return set(pick(role.arguments)), []
    found = [set(pick(role.parsed_by(version))) for version in sglang.versions()]
    always = set.intersection(*found) if role.stated_version is None else set()
    sometimes = sorted(set.union(*found) - always)
    if not sometimes:
        return always, []
    gap, supply = role.version_gap
    return always, [CannotTell(f"{question} {', '.join(sometimes)} depends on the SGLang version; {gap}", supply)]


def _errors(*kinds: str) -> Callable[[Parsed], Iterator[str]]:
    return lambda parsed: (error.typed for error in parsed.errors if error.kind in kinds)


def _uses(wanted: Callable[[Use], bool]) -> Callable[[Parsed], Iterator[str]]:
    return lambda parsed: (use.typed for use in parsed.uses if wanted(use))


def _error(role: Role, typed: str, kinds: tuple[str, ...]) -> ArgError:
    """An error about `typed` in the image's version or, if that is unknown, in the newest that has it."""
    parses = [role.arguments, *(role.parsed_by(version) for version in reversed(sglang.versions()))]
    return next(error for parsed in parses for error in parsed.errors if error.typed == typed and error.kind in kinds)


def _report(role: Role, typed: str, kinds: tuple[str, ...], expected: str) -> Finding:
    error = _error(role, typed, kinds)
    place = role.place_of(role.words[error.index]) if error.index is not None else role.command_place
    hint = (
        f"; did you mean {' or '.join(error.candidates)}?" if error.candidates and error.kind == "unrecognized" else ""
    )
    version = f"SGLang {role.version}" if role.version else "every known SGLang"
    return Finding(place, f"{version}: {error.message}{hint}", expected)


@requirement(
    "ARG-01",
    why="argparse exits with code 2 and the group is recreated for ever.",
    fix="Use a flag that the version of the image has, or an image that has the flag.",
    source="sglang#5032",
)
def test_flags_exist(role: Role) -> Outcomes:
    """Every flag MUST exist in the SGLang version of the image."""
    broken, unsure = _judge(role, _errors(*UNKNOWN_FLAG), "whether SGLang knows")
    yield from unsure
    for typed in sorted(broken):
        yield _report(role, typed, UNKNOWN_FLAG, "a flag of this version")


@requirement(
    "ARG-02",
    why="An abbreviation breaks when a sibling flag appears.",
    fix="Write the flag out, for example --tp-size instead of --tp.",
)
def test_flags_are_written_out(role: Role) -> Outcomes:
    """A flag SHOULD NOT be abbreviated."""
    broken, unsure = _judge(role, _uses(lambda use: not use.exact), "whether these are abbreviations:")
    yield from unsure
    for use in role.arguments.uses:
        if use.typed in broken:
            whole = next(name for name in use.flag.names if name.startswith(use.typed))
            yield Finding(role.place_of(role.words[use.index]), f"{use.typed}, short for {whole}", whole)


@requirement(
    "ARG-03",
    why="argparse exits with code 2.",
    fix="Write the flag out.",
)
def test_abbreviations_are_not_ambiguous(role: Role) -> Outcomes:
    """An abbreviation MUST NOT be ambiguous in the image's version."""
    broken, unsure = _judge(role, _errors("ambiguous"), "whether these are ambiguous:")
    yield from unsure
    for typed in sorted(broken):
        yield _report(
            role, typed, ("ambiguous",), f"one of {', '.join(_error(role, typed, ('ambiguous',)).candidates)}"
        )


@requirement(
    "ARG-04",
    why="The next version drops it or changes its meaning.",
    fix="Use the replacement that the finding names.",
)
def test_flags_are_not_deprecated(role: Role) -> Outcomes:
    """A flag SHOULD NOT be deprecated in the image's version."""
    broken, unsure = _judge(role, _uses(lambda use: use.flag.deprecated), "whether these are deprecated:")
    yield from unsure
    for use in role.arguments.uses:
        if use.typed in broken:
            place = role.place_of(role.words[use.index])
            yield Finding(place, f"{use.flag.names[0]} is deprecated", use.flag.replacement or "to leave it out")


@requirement(
    "ARG-05",
    why="argparse exits with code 2.",
    fix="Give the flag a value that the version of the image accepts.",
)
def test_values_are_accepted(role: Role) -> Outcomes:
    """A flag with a fixed set of values MUST have one of them."""
    if any(problem.kind == "undefined" for problem in role.launch.problems):
        empty = [error for error in role.arguments.errors if error.kind == "expected argument"]
        if empty:
            raise Blocked("SH-03", f"{empty[0].typed} has no value because a variable is empty")
    broken, unsure = _judge(role, _errors(*WRONG_VALUE), "whether SGLang accepts the value of")
    yield from unsure
    for typed in sorted(broken):
        error = _error(role, typed, WRONG_VALUE)
        flag = role.table.options.get(typed)
        choices = flag.choices if flag and error.kind == "invalid choice" else None
        expected = f"one of {', '.join(map(str, choices))}" if choices else "a value that the parser takes"
        yield _report(role, typed, WRONG_VALUE, expected)


@requirement(
    "ARG-06",
    why="A colon is reserved for LoRA adapters: assertion at start.",
    fix="Choose a served model name without a colon.",
)
def test_served_name_has_no_colon(group: Group) -> Outcomes:
    """A served model name MUST NOT contain a colon."""
    leader = group.leader
    dest = "served_model_name" if leader.given("served_model_name") else "model_path"
    name = str(leader.value(dest, ""))

    def refused(version: str) -> bool:
        return behaviour.refused_name(version, name) is not None

    if ":" in name and leader.across_versions(refused, "whether a colon is refused"):
        yield Finding(leader.place(dest), name, "a name without a colon")


@requirement(
    "ARG-07",
    why="The line has no effect and misleads.",
    fix="Remove the variable.",
)
def test_env_is_not_overwritten(role: Role) -> Outcomes:
    """A pod SHOULD NOT set env that the image's version overwrites."""
    for name in role.engine_environment:

        def overwritten(version: str, name: str = name) -> bool:
            return any(row.variable == name for row in behaviour.overwritten(version))

        if role.across_versions(overwritten, f"whether SGLang overwrites {name}"):
            yield Finding(_setting(role, name), f"{name} is set, and SGLang sets it itself", "no such line")


def _setting(role: Role, name: str) -> Place:
    """The entry of the manifest, else the script's line, that sets a variable."""
    entry = next((entry["name"] for entry in role.container["env"] if entry["name"].text == name), None)
    found = engine_variable(role, name)
    return entry or (found.place if found else role.command_place)


@requirement(
    "ARG-08",
    why="Collectives end after 600 s while a slow node still loads.",
    fix="Pass --dist-timeout 3600 to leader and workers.",
    source=("sglang#3368", "sglang#3783", "sglang#3836"),
)
def test_collective_timeout_covers_loading(role: Role) -> Outcomes:
    """The collective time-out SHOULD be longer than the expected load time."""
    if role.version is not None and "--dist-timeout" not in role.table.options:
        raise NotApplicable(f"SGLang {role.version} has no --dist-timeout")
    wanted = _load_time_s(role)
    timeout = role.number("dist_timeout", TORCH_TIMEOUT_S)
    if timeout < wanted:
        role.need_version()
        shown = f"--dist-timeout {timeout}" if role.given("dist_timeout") else f"no --dist-timeout: {TORCH_TIMEOUT_S} s"
        yield Finding(role.place("dist_timeout"), f"{shown} in the {role.name}", f"at least {wanted:.0f} s")


def _load_time_s(role: Role) -> float:
    """1.2 times the time one node needs to read the weights; without a rate the budget of PRB-06."""
    rate = role.manifests.target.get("cfs.read_gb_s")
    if rate is None:
        return SAFE_TIMEOUT_S
    return 1.2 * transfers.read_seconds(model.served(role.group).checkpoint.file_bytes, float(rate))


@requirement(
    "ARG-09",
    why="The watchdog, 300 s by default, kills the server in the middle of a long step.",
    fix="Pass --watchdog-timeout 3600.",
    source=("sglang#3752", "sglang#9904"),
)
def test_watchdog_is_patient(role: Role) -> Outcomes:
    """The watchdog time-out SHOULD be longer than the longest expected step."""
    timeout = float(role.value("watchdog_timeout", DEFAULT_WATCHDOG_S))
    if timeout < SAFE_WATCHDOG_S:
        shown = f"--watchdog-timeout {timeout:g}" if role.given("watchdog_timeout") else "no --watchdog-timeout: 300 s"
        yield Finding(role.place("watchdog_timeout"), f"{shown} in the {role.name}", f"at least {SAFE_WATCHDOG_S} s")


@requirement(
    "ARG-10",
    why="The checkpoint's config names its own configuration class; older transformers stop and ask.",
    fix="Pass --trust-remote-code to leader and workers.",
)
def test_remote_code_is_trusted(role: Role) -> Outcomes:
    """Leader and worker SHOULD pass `--trust-remote-code`."""
    if role.given("trust_remote_code") is None:
        yield Finding(role.command_place, f"no --trust-remote-code in the {role.name}", "--trust-remote-code")


@requirement(
    "ARG-11",
    why="The default is the model path: clients have to send a file path as the model name.",
    fix="Pass --served-model-name with the name that clients use.",
)
def test_served_name_is_set(group: Group) -> Outcomes:
    """The launch SHOULD set `--served-model-name`."""
    if group.leader.given("served_model_name") is None:
        yield Finding(
            group.leader.command_place,
            "no --served-model-name",
            "a name for clients, such as --served-model-name DeepSeek-R1",
        )


@requirement(
    "ARG-12",
    why="Without it the reasoning text arrives inside the answer.",
    fix="Pass --reasoning-parser deepseek-r1.",
)
def test_reasoning_is_parsed(group: Group) -> Outcomes:
    """An R1 launch SHOULD set a reasoning parser."""
    leader = group.leader
    if "DeepSeek-R1" not in model.served(group).repository.name:
        raise NotApplicable("the model is not DeepSeek-R1")
    if leader.version is not None and "--reasoning-parser" not in leader.table.options:
        raise NotApplicable(f"SGLang {leader.version} has no --reasoning-parser")
    parser = leader.value("reasoning_parser")
    if parser not in ("deepseek-r1", "auto"):
        if parser is None and leader.given("reasoning_parser") is not None:
            raise Blocked("ARG-05", "the value of --reasoning-parser is not accepted")
        leader.need_version()
        shown = f"--reasoning-parser {parser}" if parser else "no --reasoning-parser"
        yield Finding(leader.place("reasoning_parser"), shown, "--reasoning-parser deepseek-r1")
