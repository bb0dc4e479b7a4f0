"""The scenarios and the benchmarks: in a wheel they lie inside the package, in a checkout beside it."""

from __future__ import annotations

import ast
import importlib.util
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from .io.block import DataError

_HERE = Path(__file__).resolve().parent


def _folder(name: str) -> Path | None:
    return next((folder for folder in (_HERE / name, _HERE.parent / name) if folder.is_dir()), None)


def names() -> dict[str, str]:
    """Every scenario with the first line of what it says about itself."""
    folder = _folder("scenarios")
    files = sorted(folder.glob("[!_]*.py")) if folder is not None else []
    return {path.stem.replace("_", "-"): _first_line(path) for path in files}


def _first_line(path: Path) -> str:
    return (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").partition("\n")[0]


def find(scenario: str) -> Path:
    """The file of a scenario, by its name or its path."""
    given = Path(scenario)
    if given.suffix == ".py":
        if not given.is_file():
            raise DataError(f"no scenario in {scenario}: there is no such file")
        return given.resolve()
    folder = _folder("scenarios")
    path = folder / f"{scenario.replace('-', '_')}.py" if folder is not None else None
    if path is None or not path.is_file() or scenario.startswith("_"):
        raise DataError(
            f"unknown scenario {scenario!r}: expected one of {', '.join(names())}, or the path of a .py file"
        )
    return path


def play(path: Path, out: Path) -> int:
    """Run ``main(out)`` of a scenario; 0 when it reached its figure."""
    spec = importlib.util.spec_from_file_location(f"streammse_scenario_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    sys.path.insert(0, str(path.parent))  # a scenario may bring files of its own
    try:
        spec.loader.exec_module(module)
        if not hasattr(module, "main"):
            raise DataError(f"{path.name} is no scenario: it must define main(out), where out is a folder")
        status = module.main(out)
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if (path.parent / f"{package}.py").exists() or package == "streammse":
            raise
        raise DataError(
            f"the scenario {path.stem.replace('_', '-')} needs the package {package}: pip install '.[demo]'"
        ) from None
    except SystemExit as error:
        status = error.code
    finally:
        sys.path.remove(str(path.parent))
    if status is not None and not isinstance(status, int):
        raise DataError(str(status))
    return status or 0


def benchmarks() -> Any:
    """The module whose ``main(argv)`` prints the table."""
    folder = _folder("benchmarks")
    if folder is None:
        raise DataError("the benchmarks are not installed: run this in a checkout")
    if folder.parent == _HERE:
        return import_module("streammse.benchmarks.run")
    sys.path.insert(0, str(folder.parent))
    return import_module("benchmarks.run")
