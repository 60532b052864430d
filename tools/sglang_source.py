"""Read constants out of the sources of one SGLang release, without importing them.

A wheel is a zip of sources. :class:`Release` parses the modules it is asked for and
:meth:`Release.evaluate` works out the few kinds of expression that flag declarations are made of:
literals, names (followed through imports), class attributes, list sums, ``list(Mapping.keys())``.
Anything else raises :class:`Unresolved`, so that nothing is guessed.
"""

import ast
import operator
import zipfile
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

SUPPRESS = "==SUPPRESS=="
# Sets have no order of their own: they are read as sorted lists.
_COPIES: dict[str, Callable[[Any], Any]] = {
    "list": list,
    "tuple": list,
    "set": sorted,
    "frozenset": sorted,
    "sorted": sorted,
}
_OPERATORS = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Pow: operator.pow}
_METHODS = ("keys", "lower", "upper")


class Unresolved(Exception):
    """An expression whose value cannot be told from the sources."""


class Module:
    """One parsed module: its top-level names and what they are bound to."""

    def __init__(self, name: str, path: str, tree: ast.Module) -> None:
        self.name, self.path, self.tree = name, path, tree

    def absolute(self, node: ast.ImportFrom) -> str:
        """Return the full name of the module that *node* imports from."""
        if not node.level:
            return node.module or ""
        package = self.name.split(".") if self.path.endswith("__init__.py") else self.name.split(".")[:-1]
        return ".".join([*package[: len(package) - node.level + 1], *([node.module] if node.module else [])])

    @cached_property
    def bindings(self) -> dict[str, ast.AST]:
        """Top-level names, including those bound inside ``try`` and ``if``; the last binding counts."""
        found: dict[str, ast.AST] = {}
        bind(self.tree.body, found)
        return found


def bind(body: Sequence[ast.stmt], found: dict[str, Any]) -> None:
    """Collect the names that *body* binds, in order, into *found*."""
    for node in body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            found[node.name] = node
        elif isinstance(node, ast.Assign):
            found.update({target.id: node.value for target in node.targets if isinstance(target, ast.Name)})
        elif isinstance(node, ast.AnnAssign) and node.value is not None and isinstance(node.target, ast.Name):
            found[node.target.id] = node.value
        elif isinstance(node, ast.ImportFrom | ast.Import):
            found.update({alias.asname or alias.name.split(".")[0]: node for alias in node.names})
        elif isinstance(node, ast.If | ast.Try | ast.With):
            bind(node.body, found)
            for rest in (getattr(node, "orelse", []), getattr(node, "finalbody", [])):
                bind(rest, found)


class Release:
    """The sources of one release, read from a zip on demand."""

    def __init__(self, archive: Path) -> None:
        self._zip = zipfile.ZipFile(archive)
        self._names = frozenset(self._zip.namelist())
        self._modules: dict[str, Module | None] = {}

    def text(self, path: str) -> str:
        """Return the text of a file of the wheel, empty when there is none."""
        return self._zip.read(path).decode() if path in self._names else ""

    def module(self, name: str) -> Module | None:
        """Return a module by dotted name, or None when the wheel does not hold it."""
        if name not in self._modules:
            stem = name.replace(".", "/")
            path = next((p for p in (f"{stem}.py", f"{stem}/__init__.py") if p in self._names), None)
            self._modules[name] = Module(name, path, ast.parse(self.text(path))) if path else None
        return self._modules[name]

    def modules_below(self, package: str) -> list[Module]:
        """Return the modules directly in a package, sorted by name."""
        prefix = package.replace(".", "/") + "/"
        stems = sorted(name.removeprefix(prefix).removesuffix(".py") for name in self._names if name.startswith(prefix))
        found = (self.module(f"{package}.{stem}") for stem in stems if "/" not in stem and stem != "__init__")
        return [module for module in found if module is not None]

    # -- expressions ---------------------------------------------------------------------------

    def evaluate(self, node: ast.AST, module: Module, local: Mapping[str, Any] | None = None) -> Any:
        """Return the value of an expression; *local* maps names to values or to expressions.

        Raises:
            Unresolved: the expression is not of a known kind.
        """
        local = local or {}
        match node:
            case ast.Constant(value=value):
                return value
            case ast.List(elts=items) | ast.Tuple(elts=items):
                return [value for item in items for value in self._spread(item, module, local)]
            case ast.Set(elts=items):
                return sorted(value for item in items for value in self._spread(item, module, local))
            case ast.Subscript(value=base, slice=ast.Constant(value=int(index))):
                return self.evaluate(base, module, local)[index]
            case ast.Dict(keys=keys) if None not in keys:
                return {self.evaluate(key, module, local): None for key in keys if key is not None}
            case ast.Name(id=name):
                return self._name(name, module, local)
            case ast.Attribute(value=base, attr=attr):
                return self._attribute(base, attr, module, local)
            case ast.BinOp(op=kind, left=left, right=right) if type(kind) in _OPERATORS:
                combine = _OPERATORS[type(kind)]
                return combine(self.evaluate(left, module, local), self.evaluate(right, module, local))
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -self.evaluate(operand, module, local)
            case ast.Call():
                return self._call(node, module, local)
            case ast.ListComp(elt=elt, generators=[ast.comprehension(target=ast.Name(id=name), iter=source)]):
                return [self.evaluate(elt, module, {**local, name: v}) for v in self._items(source, module, local)]
        raise Unresolved(ast.unparse(node))

    def definition(self, name: str, module: Module) -> tuple[ast.AST, Module]:
        """Follow *name* through imports to where the wheel defines it."""
        node = module.bindings.get(name)
        if node is None:
            return self._from_star(name, module)
        if isinstance(node, ast.ImportFrom):
            target = self.module(module.absolute(node))
            original = next(a.name for a in node.names if (a.asname or a.name) == name)
            if target is not None:
                return self.definition(original, target)
        if isinstance(node, ast.Import | ast.ImportFrom):
            raise Unresolved(f"{module.name}.{name}")
        return node, module

    def _from_star(self, name: str, module: Module) -> tuple[ast.AST, Module]:
        stars = (n for n in module.tree.body if isinstance(n, ast.ImportFrom) and n.names[0].name == "*")
        for target in (self.module(module.absolute(n)) for n in stars):
            if target is not None and name in target.bindings:
                return self.definition(name, target)
        raise Unresolved(f"{module.name}.{name}")

    def _name(self, name: str, module: Module, local: Mapping[str, Any]) -> Any:
        if name in local:
            value = local[name]
            return self.evaluate(value, module, local) if isinstance(value, ast.expr) else value
        node, home = self.definition(name, module)
        return node if isinstance(node, ast.ClassDef | ast.FunctionDef) else self.evaluate(node, home)

    def _attribute(self, base: ast.expr, attr: str, module: Module, local: Mapping[str, Any]) -> Any:
        if isinstance(base, ast.Name) and base.id == "argparse" and attr == "SUPPRESS":
            return SUPPRESS
        if isinstance(base, ast.Name) and base.id == "sys" and attr == "maxsize":
            return 2**63 - 1
        if isinstance(base, ast.Name) and base.id not in local:
            owner, home = self.definition(base.id, module)
            if isinstance(owner, ast.ClassDef):
                members: dict[str, Any] = {}
                bind(owner.body, members)
                if attr in members:
                    return self.evaluate(members[attr], home, members)
        elif attr == "name" and isinstance(value := self.evaluate(base, module, local), str):
            return value  # a member of an enumeration is stood for by its name, see _items
        raise Unresolved(f"{ast.unparse(base)}.{attr}")

    def _spread(self, item: ast.expr, module: Module, local: Mapping[str, Any]) -> list[Any]:
        if isinstance(item, ast.Starred):
            return list(self.evaluate(item.value, module, local))
        return [self.evaluate(item, module, local)]

    def _items(self, node: ast.expr, module: Module, local: Mapping[str, Any]) -> Any:
        value = self.evaluate(node, module, local)
        if isinstance(value, ast.ClassDef):
            members: dict[str, Any] = {}
            bind(value.body, members)
            return [name for name, member in members.items() if isinstance(member, ast.expr)]
        return value

    def _call(self, node: ast.Call, module: Module, local: Mapping[str, Any]) -> Any:
        match node:
            case ast.Call(args=[], keywords=[ast.keyword(arg="default_factory", value=ast.Name(id="list"))]):
                return []
            case ast.Call(args=[], keywords=[ast.keyword(arg="default_factory", value=ast.Lambda(body=body))]):
                return self.evaluate(body, module, local)
            case ast.Call(func=ast.Name(id=name), args=[argument]) if name in _COPIES:
                return list(_COPIES[name](self._items(argument, module, local)))
            case ast.Call(func=ast.Attribute(value=base, attr=method), args=[]) if method in _METHODS:
                return getattr(self.evaluate(base, module, local), method)()
            case ast.Call(func=ast.Name(id=name), args=[]) if name not in local:
                function, home = self.definition(name, module)
                if isinstance(function, ast.FunctionDef) and isinstance(function.body[-1], ast.Return):
                    return self._result(function, home)
        raise Unresolved(ast.unparse(node))

    def _result(self, function: ast.FunctionDef, home: Module) -> Any:
        """Return what a function without parameters returns on its last line."""
        names = dict(home.bindings)
        bind(function.body, names)
        inner = Module(home.name, home.path, ast.Module(body=[], type_ignores=[]))
        inner.bindings = names  # a cached property may be set
        returned = function.body[-1]
        assert isinstance(returned, ast.Return)
        assert returned.value is not None
        return self.evaluate(returned.value, inner)
