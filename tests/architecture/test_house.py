"""The house rules that a program can hold: floors, sizes, the top level, what starts light."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CODE = ("main.py", "planner", "viewers", "procedures", "benchmarks", "tests")


def tracked(*where: str) -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z", "--", *where], cwd=ROOT, capture_output=True, check=True)
    return [ROOT / name for name in listed.stdout.decode().split("\0") if name and (ROOT / name).exists()]


def python_files(*where: str) -> list[Path]:
    return [path for path in tracked(*where) if path.suffix == ".py"]


def test_that_every_room_imports_only_rooms_below_it() -> None:
    result = subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"], cwd=ROOT, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stdout


def test_that_the_top_level_holds_nothing_but_what_the_house_names() -> None:
    allowed = {
        "main.py", "planner", "viewers", "procedures", "resources", "tests", "docs", "benchmarks", ".ci",
        "pyproject.toml", "requirements.lock", "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", ".gitignore",
    }  # fmt: skip
    assert {path.relative_to(ROOT).parts[0] for path in tracked()} <= allowed


def test_that_no_file_is_longer_than_five_hundred_lines() -> None:
    long = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in python_files(*CODE)}
    assert {name: lines for name, lines in long.items() if lines > 500} == {}


def test_that_no_function_of_the_product_is_longer_than_fifty_lines() -> None:
    long = {}
    for path in python_files("main.py", "planner", "viewers", "procedures"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                body_start = node.body[0].lineno
                if ast.get_docstring(node) is not None and len(node.body) > 1:
                    body_start = node.body[1].lineno
                lines = (node.end_lineno or 0) - body_start + 1
                if lines > 50:
                    long[f"{path.relative_to(ROOT)}:{node.name}"] = lines
    assert long == {}


def test_that_no_check_is_switched_off() -> None:
    marks = ("# type: " + "ignore", "# no" + "qa", "TO" + "DO", "FIX" + "ME", "NotImplemented" + "Error")
    found = [
        f"{path.relative_to(ROOT)}: {mark}"
        for path in python_files(*CODE)
        for mark in marks
        if mark in path.read_text()
    ]
    assert found == []


def test_that_no_large_file_is_kept() -> None:
    assert [str(path) for path in tracked() if path.stat().st_size > 1_000_000] == []


@pytest.mark.parametrize("module", ["planner.app", "planner.cli.entry", "planner.model.case", "planner.findings"])
def test_that_light_modules_start_without_heavy_libraries(module: str) -> None:
    heavy = "('PySide6', 'vtkmodules', 'SimpleITK', 'scipy', 'numba', 'highdicom', 'reportlab', 'sqlalchemy')"
    code = f"import sys, {module}; print([name for name in {heavy} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def loaded_by(module: str, *libraries: str) -> list[str]:
    """Which of some libraries a fresh interpreter has loaded after importing a module."""
    code = f"import sys, {module}; print(*[name for name in {libraries!r} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return result.stdout.split()


def test_that_the_first_frame_of_the_desktop_waits_for_nothing_but_qt() -> None:
    heavy = (
        "numpy",
        "sqlalchemy",
        "vtkmodules",
        "scipy",
        "numba",
        "pydicom",
        "SimpleITK",
        "pyqtgraph",
        "typer",
        "rich",
    )
    assert loaded_by("viewers.window.start", "PySide6", *heavy) == ["PySide6"]


def test_that_the_list_of_cases_waits_for_no_image_library() -> None:
    heavy = ("vtkmodules", "scipy", "numba", "pydicom", "SimpleITK", "highdicom", "reportlab", "pyqtgraph")
    pages = ("viewers.window.case_page", "viewers.panels.import_dialog", "planner.workflow.loader")
    assert loaded_by("viewers.window.main_window", *heavy, *pages) == []
