"""The layout of the design: arrows point down, numba has one room, the package imports cheaply, docs run."""

from __future__ import annotations

import ast
import doctest
import inspect
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

import streammse
from streammse import catalog, reference

PACKAGE = Path(streammse.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))

#: floors of the house: a file imports only from lower floors, or from its own room where that is one of OPEN
FLOORS = [
    {"_jit", "colours", "scalar"},
    {"kernels", "drive", "snapshot", "param", "matrices", "c_function"},
    {"node"},
    {"composite", "fit"},
    {"metrics", "filters", "denoise", "forecast"},
    {"active", "catalog", "banks", "losses", "named", "own", "theory"},
    {"backtesting"},
    {"io", "loading"},
    {"comparison", "equations", "plot", "reference", "report", "runner", "stories", "undisturbed", "warm"},
    {"cli"},
    {"__main__"},
]
OPEN = {"_jit", "kernels", "drive", "snapshot", "param", "metrics", "filters", "io", "denoise", "forecast"}
OPEN |= {"backtesting", "cli", "runner"}


def room(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return parts[0]


def floor(name: str) -> int:
    for level, rooms in enumerate(FLOORS):
        if name in rooms:
            return level
    raise AssertionError(f"{name} has no floor: say in tests/test_house.py where it stands")


def imports(path: Path) -> set[str]:
    """The rooms of this package that a file imports when it is loaded or run (not those named for types alone)."""
    found: set[str] = set()
    skipped: set[ast.AST] = set()
    depth = len(path.relative_to(PACKAGE).parts) - 1
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            skipped |= set(ast.walk(node))
        if isinstance(node, ast.ImportFrom) and node.level and node not in skipped:
            base = path.relative_to(PACKAGE).parts[: depth - node.level + 1]
            full = (*base, *(node.module.split(".") if node.module else ()))
            found |= {full[0]} if full else {alias.name for alias in node.names}
    return found


@pytest.mark.parametrize("path", [f for f in FILES if f.parent != PACKAGE or f.name != "__init__.py"], ids=str)
def test_arrows_point_down(path: Path) -> None:
    here = room(path)
    for other in imports(path):
        if (PACKAGE / other).with_suffix(".py").exists() or (PACKAGE / other).is_dir():
            lower = floor(other) < floor(here)
            inside = other == here and here in OPEN
            same_floor = floor(other) == floor(here) and floor(here) in (0, 1, 5)
            assert lower or inside or same_floor, f"{path.name} in {here} imports {other}, which is not below it"


def test_numba_has_one_room() -> None:
    for path in FILES:
        if room(path) == "_jit":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not any(n.split(".")[0] in ("numba", "llvmlite") for n in names), f"{path.name} imports numba"


def test_no_loop_is_given_an_address_whose_owner_may_be_gone() -> None:
    """Compiled loops give up the lock: the words that they read go through ``drive.call``, which holds them."""
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or path.name == "drive.py":
                continue
            handed = [ast.unparse(one) for one in (node.func, *node.args)]
            if any(one.endswith(".compiled") for one in handed):
                assert not any(one.endswith(".ctypes.data") for one in handed), f"{path.name}, line {node.lineno}"


HEAVY = ("numba", "llvmlite", "scipy", "statsmodels", "pandas", "matplotlib", "pyarrow", "rich", "typer")
HEAVY += ("structlog", "prometheus_client")


@pytest.mark.parametrize(
    ("code", "heavy"),
    [
        ("import streammse", HEAVY),
        ("import streammse as sm; sm.NLMS(taps=8); sm.bank(sm.NLMS(), 3)", HEAVY),
        ("import streammse.cli", tuple(m for m in HEAVY if m not in ("rich", "typer"))),
    ],
)
def test_importing_is_cheap(code: str, heavy: tuple[str, ...]) -> None:
    check = f"{code}\nimport sys\nprint([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_public_name_is_there_and_says_what_it_is() -> None:
    for name in dir(streammse):
        if name.startswith("_") or name in ("Any", "annotations", "import_module"):
            continue
        value = getattr(streammse, name)
        assert inspect.getdoc(value), f"{name} has no docstring"
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        streammse.nothing  # noqa: B018


@pytest.mark.parametrize("name", catalog.names())
def test_an_algorithm_is_documented(name: str) -> None:
    cls = catalog.get(name)
    text = inspect.getdoc(cls) or ""
    assert cls.__doc__, f"{name} has no docstring of its own"
    for heading in ("Parameters\n---",) * bool(cls._params) + ("Examples\n---", "References\n---"):
        assert heading in text, f"{name}: no section {heading.split(chr(10))[0]}"
    for param in cls._fields:
        assert f"{param} :" in text or f"{param}," in text or f", {param}" in text, f"{name}: {param} is not described"


def modules() -> list[str]:
    dotted = [".".join(("streammse", *f.relative_to(PACKAGE).with_suffix("").parts)) for f in FILES]
    return [name.removesuffix(".__init__") for name in dotted]


@pytest.mark.parametrize("module", [m for m in modules() if not m.endswith("__main__") and ".scenarios" not in m])
def test_examples_in_docstrings_run(module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = doctest.testmod(import_module(module), optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    assert result.failed == 0


def blocks(path: Path, language: str = "python") -> list[str]:
    """The code blocks of a page in a language, in order."""
    found, inside = [], None
    for line in path.read_text().splitlines():
        if line.strip() == f"```{language}":
            inside = []
        elif line.strip() == "```" and inside is not None:
            found.append("\n".join(inside))
            inside = None
        elif inside is not None:
            inside.append(line)
    return found


ROOT = PACKAGE.parent
PAGES = [p for p in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))] if p.exists()]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_code_in_the_docs_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    page_module = ModuleType("__page__")
    monkeypatch.setitem(sys.modules, "__page__", page_module)
    for block in blocks(page):
        exec(compile(block, page.name, "exec"), vars(page_module))


@pytest.mark.parametrize("page", sorted((PACKAGE.parent / "docs").glob("*.md")), ids=lambda page: page.name)
def test_what_a_table_of_the_docs_names_is_there(page: Path) -> None:
    """Every `Name` and `Name(` in a row of a table, where Name begins as a class does."""
    rows = [line for line in page.read_text().splitlines() if line.startswith("|")]
    named = set(re.findall(r"`(?:sm\.)?([A-Z][A-Za-z0-9]*)[(`]", "\n".join(rows)))
    assert not [name for name in sorted(named) if not hasattr(streammse, name)]


def test_the_costs_in_the_table_of_filters_are_those_of_the_docstrings() -> None:
    told = (ROOT / "docs" / "filters.md").read_text().partition("By what matters:")[2].partition("\n\n###")[0]
    checked = 0
    for row in (line.split("|")[1:-1] for line in told.splitlines() if line.startswith("| `")):
        cost = re.match(r" (?:[\d.]+ )?n(?:\^2)?(?= )", row[3])
        if cost is None or "DCT" in row[0]:  # one formula a docstring would write otherwise
            continue
        name = re.findall(r"`(\w+)`", row[0])[0]
        notes = (inspect.getdoc(catalog.get(name)) or "").partition("Cost:")[2]
        assert re.search(rf"(?<![\d.]){re.escape(cost[0])}", f" {notes}"), (name, cost[0], notes[:60])
        checked += 1
    assert checked >= 7


def test_the_reference_of_the_filters_is_what_the_docstrings_say() -> None:
    page = (ROOT / "docs" / "filter-reference.md").read_text()
    assert page == reference.page("filters"), "python -m streammse.reference filters > docs/filter-reference.md"
    for name in catalog.names():
        if (catalog.where(name) or "").startswith("filters."):
            _, _, entry = page.partition(f"\n## {name}\n")
            entry = entry.partition("\n## ")[0]
            told = ("```math" in entry, "Cost: " in entry, "\n- " in entry)
            assert told == (True, True, True), f"{name}: equation, cost (Notes) and source (References) are {told}"
