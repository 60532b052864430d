"""Maintain ``src/seatrial/knowledge/sglang/flags.json.gz``: SGLang's command line, release by release.

    python tools/sglang_flags.py                  fetch what is missing, extract, write the file
    python tools/sglang_flags.py --check          extract again and compare with the file (exit 1 if it differs)
    python tools/sglang_flags.py --verify 0.5.9   compare with the parser that the release itself builds

One wheel per release is fetched with pip; only its Python sources are kept, in a cache outside the
repository (``--cache``), so an interrupted run goes on where it stopped. Nothing of SGLang is imported
but with ``--verify``, and then with everything heavy replaced by stubs.

Flags are declared in three shapes, all read here: ``parser.add_argument(...)`` calls in
``ServerArgs.add_cli_args`` (all releases), annotated fields of ``ServerArgs`` (0.5.14 to 0.5.19) and annotated
fields of the classes below ``srt/arg_groups/fields`` (from 0.5.20).
"""

import argparse
import ast
import difflib
import gzip
import json
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sglang_source import Module, Release, Unresolved, bind

DATA = Path(__file__).parents[1] / "src/seatrial/knowledge/sglang/flags.json.gz"
FIRST = "0.4.1.post7"
SERVER_ARGS = "sglang.srt.server_args"
PLATFORMS = ("manylinux2014_x86_64", "manylinux_2_28_x86_64", "manylinux_2_34_x86_64", "manylinux_2_35_x86_64", "any")
TYPES = {
    "str": "str",
    "int": "int",
    "float": "float",
    "bool": "bool",
    "human_readable_int": "human-int",
    "json.loads": "json",
    "json_list_type": "json-list",
    "nullable_str": "nullable-str",
    "parse_cuda_graph_config_arg": "json",
    "parse_cuda_graph_backend_arg": "str",
}
# Keys of a flag record that are left out when they have this value.
IMPLIED = {"action": "store", "arity": "1", "type": "str", "default": None}
DEPRECATED = re.compile(r"\W*(?:note:? )?(?:--[\w-]+ is )?deprecated", re.IGNORECASE)
OPTION = re.compile(r"--[a-z][\w-]*(?:\{[\w,]+\})?(?:=[\w{},]+)?")


# -- releases and wheels ---------------------------------------------------------------------------


def sort_key(version: str) -> tuple[int, ...]:
    """Order of releases: 0.5.0rc2 < 0.5.0 < 0.5.0.post1."""
    match = re.fullmatch(r"(\d+)\.(\d+)\.(\d+)(?:rc(\d+))?(?:\.post(\d+))?", version)
    if match is None:
        raise ValueError(f"not a version of SGLang: {version}")
    major, minor, patch, candidate, post = match.groups()
    return int(major), int(minor), int(patch), int(candidate) if candidate else 10**6, int(post) if post else -1


def published() -> list[str]:
    """Ask pip for the releases from FIRST on; a candidate counts only if no final release followed it."""
    command = [sys.executable, "-m", "pip", "index", "versions", "sglang", "--pre"]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    line = next(line for line in text.splitlines() if line.startswith("Available versions:"))
    found = [v for v in line.split(":", 1)[1].replace(" ", "").split(",") if sort_key(v) >= sort_key(FIRST)]
    final = {v for v in found if "rc" not in v}
    return sorted((v for v in found if v in final or v.split("rc")[0] not in final), key=sort_key)


def fetch(version: str, cache: Path) -> Path:
    """Return the zip of the release's Python sources, downloading its wheel when it is not cached."""
    kept = cache / f"{version}.zip"
    if kept.exists():
        return kept
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-cache-dir", "--dest", folder]
        command += ["--only-binary=:all:", "--python-version=3.12", "--implementation=cp", "--abi=cp312", "--abi=none"]
        command += [f"--platform={platform}" for platform in PLATFORMS]
        subprocess.run([*command, f"sglang=={version}"], check=True)
        wheel = next(Path(folder).glob("*.whl"))
        part = Path(folder) / "part"
        with zipfile.ZipFile(wheel) as old, zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as new:
            for name in old.namelist():
                if name.startswith("sglang/") and name.endswith(".py"):
                    new.writestr(name, old.read(name))
        part.rename(kept)
    return kept


# -- extraction ------------------------------------------------------------------------------------


class Extractor:
    """Flag records of one release, in the order in which its parser registers them."""

    def __init__(self, release: Release) -> None:
        self.release = release
        module = release.module(SERVER_ARGS)
        assert module is not None
        self.module = module
        self.fields = self._fields()
        self.methods = {n.name: n for n in self._own_class().body if isinstance(n, ast.FunctionDef)}

    def resolved_later(self) -> set[str]:
        """Return the fields that SGLang assigns after parsing: ``self.x = ...``, from 0.5.19 on declare_resolution."""
        assigned = {
            target.attr
            for method in self.methods.values()
            for statement in ast.walk(method)
            if isinstance(statement, ast.Assign)
            for target in statement.targets
            if isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name) and target.value.id == "self"
        }
        calls = (
            node
            for home in (self.module, *self.release.modules_below("sglang.srt.arg_groups"))
            for node in ast.walk(home.tree)
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "declare_resolution"
        )
        return assigned | {keyword.arg for call in calls for keyword in call.keywords if keyword.arg}

    def prog(self) -> str:
        """Return the name that argparse prints in front of ``: error:``."""
        function = self.module.bindings["prepare_server_args"]
        keywords = [k for n in ast.walk(function) if isinstance(n, ast.Call) for k in n.keywords if k.arg == "prog"]
        return str(self.release.evaluate(keywords[0].value, self.module)) if keywords else "launch_server.py"

    def renamed(self) -> dict[str, str]:
        """Return the parser's attributes that become fields of another name (tensor_parallel_size: tp_size)."""
        moves = (ast.unparse(node) for node in self.methods["from_cli_args"].body if isinstance(node, ast.Assign))
        found = (re.fullmatch(r"args\.(\w+) = args\.(\w+)", move) for move in moves)
        return {match[2]: match[1] for match in found if match}

    def records(self) -> list[dict[str, Any]]:
        """Return one record per registration; ``dest`` is the field of ServerArgs."""
        renamed, later = self.renamed(), self.resolved_later()
        found = [_with_dest(record, renamed.get(dest_of(record), dest_of(record))) for record in self._registered()]
        for record in found:
            if record.get("default") is None and dest_of(record) in later and "action" not in record:
                record["computed"] = True
        return found

    def _registered(self) -> list[dict[str, Any]]:
        local: dict[str, Any] = {}
        found: list[dict[str, Any]] = []
        for statement in self.methods["add_cli_args"].body:
            bind([statement], local)
            for call in (node for node in ast.walk(statement) if isinstance(node, ast.Call)):
                name = ast.unparse(call.func)
                if name == "add_cli_args_from_dataclass":
                    found += self._annotated()
                elif name.endswith(".add_argument"):
                    found.append(self._added(call, local))
        return found

    def _own_class(self) -> ast.ClassDef:
        return next(n for n in self.module.tree.body if isinstance(n, ast.ClassDef) and n.name == "ServerArgs")

    def _fields(self) -> dict[str, tuple[ast.AnnAssign, Module]]:
        """Return the fields of ServerArgs by name, in the order in which they are registered."""
        owners: list[tuple[ast.AST, Module]] = [(self._own_class(), self.module)]
        match self.module.bindings.get("_INPUT_NAMESPACES"):
            case ast.List(elts=names):
                owners += [self.release.definition(ast.unparse(name), self.module) for name in names]
        fields: dict[str, tuple[ast.AnnAssign, Module]] = {}
        for owner, home in owners:
            assert isinstance(owner, ast.ClassDef)
            for field in (node for node in owner.body if isinstance(node, ast.AnnAssign)):
                fields[ast.unparse(field.target)] = field, home
        order = self.release.module("sglang.srt.arg_groups.field_order")
        if order is None:
            return fields
        names = self.release.evaluate(order.bindings["POSITIONAL_FIELD_ORDER"], order)
        first = {name: fields[name] for name in names if name in fields}
        return first | {name: field for name, field in fields.items() if name not in first}

    # -- shapes 2 and 3: annotated fields

    def _annotated(self) -> Iterator[dict[str, Any]]:
        for name, (field, home) in self.fields.items():
            match field.annotation:
                case ast.Subscript(value=ast.Name(id="A"), slice=ast.Tuple(elts=[declared, *meta])):
                    record = self._of_field(name, declared, meta, field.value, home)
                    if record is not None:
                        yield record

    def _of_field(
        self, name: str, declared: ast.expr, meta: list[ast.expr], default: ast.expr | None, home: Module
    ) -> dict[str, Any] | None:
        """Return the record of an annotated field, or None when it is no flag."""
        arg: dict[str, ast.expr] | None = None
        for item in meta:
            if isinstance(item, ast.Call) and ast.unparse(item.func) == "Arg":
                arg = {k.arg: k.value for k in item.keywords if k.arg}
                break
            if isinstance(item, ast.Constant | ast.JoinedStr | ast.BinOp):
                arg = {"help": item}
                break
        if arg is None or "no_cli" in arg:
            return None
        cli_name = self._value(arg.get("cli_name"), home) or "--" + name.replace("_", "-")
        names = [cli_name, *(self._value(arg.get("aliases"), home) or [])]
        keywords = {k: v for k, v in arg.items() if k in ("choices", "nargs", "const", "action", "help", "required")}
        keywords |= _dict(arg.get("action_kwargs"))
        if default is not None:
            keywords["default"] = default
        elif "required" not in arg:
            keywords["required"] = ast.Constant(True)
        if "action" not in arg:
            keywords |= _of_type(declared, arg)
        record = self._record([str(n) for n in names], keywords, home, {})
        if ("resolvable" in arg or "fallback" in arg) and record.get("default") is None:
            record["computed"] = True
        return _with_dest(record, name)

    # -- shape 1: add_argument calls

    def _added(self, call: ast.Call, local: dict[str, Any]) -> dict[str, Any]:
        names = [str(self.release.evaluate(arg, self.module, local)) for arg in call.args]
        return self._record(names, {k.arg: k.value for k in call.keywords if k.arg}, self.module, local)

    def _record(
        self, names: list[str], given: dict[str, ast.expr], home: Module, local: dict[str, Any]
    ) -> dict[str, Any]:
        action, arity = self._action(given, home)
        if action == "boolean":
            names = [form for name in names for form in (name, "--no-" + name.removeprefix("--"))]
        record: dict[str, Any] = {"names": names, "action": action, "arity": arity, "source": home.path}
        kind = ast.unparse(given["type"]) if "type" in given else "str"
        record["type"] = "bool" if action in ("store_true", "boolean") else TYPES[kind]
        for key, keyword in (("choices", "choices"), ("const", "const"), ("const", "const_value")):
            if keyword in given:
                record[key] = self._value(given[keyword], home, local)
        self._default(record, given, home, local)
        if self._value(given.get("required"), home, local):
            record["required"] = True
        self._deprecation(record, given)
        dest = self._value(given.get("dest"), home, local)
        record = _with_dest(record, dest or next(n for n in names if n.startswith("--"))[2:].replace("-", "_"))
        return {key: value for key, value in record.items() if key not in IMPLIED or value != IMPLIED[key]}

    def _action(self, given: dict[str, ast.expr], home: Module) -> tuple[str, str]:
        """Return what the flag does when it is given, and how many values it takes."""
        nargs = self._value(given.get("nargs"), home)
        name = ast.unparse(given["action"]).strip("'").removeprefix("argparse.") if "action" in given else "store"
        none = "0" if "nargs" not in given else str(nargs or "1")
        match name:
            case "store_true":
                return "store_true", "0"
            case "BooleanOptionalAction":
                return "boolean", "0"
            case "store" | "LoRAPathAction" | "DeprecatedAliasStoreAction":
                return "store", str(nargs or "1")
            case "DeprecatedStoreTrueAction":
                return "store_true", none
            case "DeprecatedStoreConstAction":
                return "const", none
            case "DeprecatedAction":
                owner, _ = self.release.definition(name, home)
                retired = "error_message" in given or any(isinstance(node, ast.Raise) for node in ast.walk(owner))
                return "retired" if retired else "ignored", none
        raise Unresolved(f"action {name}")

    def _default(self, record: dict[str, Any], given: dict[str, ast.expr], home: Module, local: dict[str, Any]) -> None:
        node = given.get("default")
        if node is None:
            record["default"] = False if record["action"] == "store_true" else None
            return
        match node:
            case ast.Call(func=ast.Name(id="_declared_default"), args=[ast.Constant(value=str(name))]):
                field, home = self.fields[name]
                node = field.value or node
        try:
            record["default"] = self._value(node, home, local)
        except Unresolved:
            record["computed"] = True

    def _deprecation(self, record: dict[str, Any], given: dict[str, ast.expr]) -> None:
        """Mark flags that warn, by their action or by their help text; find what to write instead."""
        help_text = _text(given.get("help"))
        action = ast.unparse(given["action"]) if "action" in given else ""
        if action.startswith("Deprecated") or DEPRECATED.match(help_text):
            record["deprecated"] = True
            texts = [_text(given.get("new_flag")), _text(given.get("error_message")), help_text]
            options = [option for text in texts for option in OPTION.findall(text)]
            others = [option for option in options if option not in record["names"]]
            if others:
                record["replacement"] = others[0]

    def _value(self, node: ast.expr | None, home: Module, local: dict[str, Any] | None = None) -> Any:
        return None if node is None else self.release.evaluate(node, home, local)


def dest_of(record: dict[str, Any]) -> str:
    """Return the attribute that a record's flag sets."""
    return str(record.get("dest") or record["names"][0][2:].replace("-", "_"))


def _with_dest(record: dict[str, Any], dest: str) -> dict[str, Any]:
    """Note the attribute's name where it is not the first long name."""
    record.pop("dest", None)
    return record if dest == record["names"][0][2:].replace("-", "_") else {**record, "dest": dest}


def _dict(node: ast.expr | None) -> dict[str, ast.expr]:
    if not isinstance(node, ast.Dict):
        return {}
    return {ast.literal_eval(key): value for key, value in zip(node.keys, node.values, strict=True) if key}


def _text(node: ast.expr | None) -> str:
    """Return the literal parts of a string expression."""
    if node is None:
        return ""
    return "".join(n.value for n in ast.walk(node) if isinstance(n, ast.Constant) and isinstance(n.value, str))


def _of_type(declared: ast.expr, arg: dict[str, ast.expr]) -> dict[str, ast.expr]:
    """Return the add_argument keywords that a field's annotation stands for."""
    match declared:
        case ast.Subscript(value=ast.Name(id="Optional"), slice=inner):
            return _of_type(inner, arg)
        case ast.BinOp(op=ast.BitOr(), left=inner, right=ast.Constant(value=None)):
            return _of_type(inner, arg)
    parser = arg.get("type_parser")
    match declared:
        case ast.Subscript(value=ast.Name(id="Literal"), slice=ast.Tuple() | ast.Constant() as values):
            items = values if isinstance(values, ast.Tuple) else ast.Tuple([values])
            first = items.elts[0]
            kind = type(first.value).__name__ if isinstance(first, ast.Constant) else "str"
            return {"choices": arg.get("choices", items), "type": parser or _scalar(ast.Name(kind))}
        case ast.Subscript(value=ast.Name(id="List" | "list"), slice=inner) if parser is None:
            return {"nargs": arg.get("nargs", ast.Constant("+")), "type": _scalar(inner)}
        case ast.Name(id="bool"):
            return {"action": ast.Constant("store_true")}
    return {"type": parser or _scalar(declared)}


def _scalar(declared: ast.expr) -> ast.expr:
    known = isinstance(declared, ast.Name) and declared.id in ("int", "float")
    return declared if known else ast.Name("str")


# -- the data file ---------------------------------------------------------------------------------


def encode(tables: dict[str, tuple[str, list[dict[str, Any]]]]) -> dict[str, Any]:
    """Store each release's list of flags as edits of the list before; records, choices and sources once."""
    records: dict[str, int] = {}
    choices: dict[str, int] = {}
    sources: dict[str, int] = {}
    versions, before = [], list[int]()
    for version, (prog, table) in tables.items():
        ids = []
        for record in table:
            stored = {**record, "source": sources.setdefault(record["source"], len(sources))}
            if "choices" in record:
                stored["choices"] = choices.setdefault(json.dumps(record["choices"]), len(choices))
            ids.append(records.setdefault(json.dumps(stored), len(records)))
        steps = difflib.SequenceMatcher(None, before, ids, autojunk=False).get_opcodes()
        edits = [[i, j, ids[k:m]] for tag, i, j, k, m in reversed(steps) if tag != "equal"]
        versions.append([version, prog, edits])
        before = ids
    return {
        "records": [json.loads(text) for text in records],
        "choices": [json.loads(text) for text in choices],
        "sources": list(sources),
        "versions": versions,
    }


def build(cache: Path) -> bytes:
    """Fetch and extract all releases and return the text of the data file."""
    tables = {}
    for version in published():
        extractor = Extractor(Release(fetch(version, cache)))
        tables[version] = extractor.prog(), extractor.records()
        print(f"{version}: {len(tables[version][1])} flags", file=sys.stderr, flush=True)
    return json.dumps(encode(tables), separators=(",", ":")).encode()


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Maintain the table of SGLang's command-line flags.")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "seatrial-sglang")
    parser.add_argument("--check", action="store_true", help="compare with the file instead of writing it")
    parser.add_argument("--verify", metavar="VERSION", nargs="+", help="compare with the release's own parser")
    options = parser.parse_args()
    if options.verify:
        from sglang_stubs import differences

        found = [line for v in options.verify for line in differences(v, fetch(v, options.cache))]
        print("\n".join(found) or "no differences")
        return bool(found)
    text = build(options.cache)
    if options.check:
        same = gzip.decompress(DATA.read_bytes()) == text
        print("the file is up to date" if same else "the file differs from the published releases")
        return not same
    DATA.write_bytes(gzip.compress(text, compresslevel=9, mtime=0))
    print(f"{DATA}: {DATA.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
