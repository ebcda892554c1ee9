"""What is promised is written down, and what is written down is there."""

from __future__ import annotations

import configparser
import re
import subprocess
from pathlib import Path

import pytest

from api import errors as api_errors
from instance_agent import errors as agent_errors
from mission_control import errors as console_errors
from tests import reference
from tests.applications import applications

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PATH_PARAMETER = re.compile(r"<(?:[a-z_]+(?:[(][^)]*[)])?:)?([a-z_]+)>")
REQUIREMENTS = [
    *(f"A{n}" for n in range(1, 30)),
    *(f"B{n}" for n in range(1, 7)),
    *(f"C{n}" for n in range(1, 11)),
    *(f"D{n}" for n in range(1, 9)),
    *(f"E{n}" for n in range(1, 10)),
]


def requirement_rows() -> dict[str, list[str]]:
    """The cells of each row of docs/requirements.md by its id."""
    rows = [line.split("|")[1:-1] for line in (DOCS / "requirements.md").read_text().splitlines()]
    return {cells[0].strip(): [cell.strip() for cell in cells] for cells in rows if len(cells) > 5}


@pytest.mark.parametrize("name", REQUIREMENTS)
def test_requirement_has_a_row_with_a_status(name: str) -> None:
    cells = requirement_rows()[name]
    assert cells[2] in {"done", "part", "later"}, cells
    if cells[2] == "later":
        return
    assert cells[3], f"{name} names no code"
    assert cells[4], f"{name} names no test"


def test_requirements_cite_files_that_exist() -> None:
    cited = {
        path for cells in requirement_rows().values() for cell in cells[3:5] for path in re.findall(r"`([^`]+)`", cell)
    }
    assert cited
    assert {path for path in cited if not (ROOT / path).exists()} == set()


def promises() -> list[str]:
    return [line for line in (DOCS / "promises.md").read_text().splitlines() if line.startswith("- ")]


def test_every_promise_names_its_test() -> None:
    kept = [line for line in promises() if re.search(r"`tests/[^`]+`$", line)]
    assert len(kept) > 20
    unkept = set(promises()) - set(kept)
    assert len(unkept) == 2, f"only what no test can show may go without one: {unkept}"


@pytest.mark.parametrize(
    "cited", sorted({name for line in promises() for name in re.findall(r"`(tests/[^`]+)`", line)})
)
def test_the_test_of_a_promise_exists(cited: str) -> None:
    path, _, name = cited.partition("::")
    assert (ROOT / path).is_file(), cited
    assert not name or re.search(rf"^def {name}\(", (ROOT / path).read_text(), flags=re.MULTILINE), cited


def test_every_pinned_library_has_its_reason() -> None:
    config = configparser.RawConfigParser()
    config.read(ROOT / "setup.cfg")
    pinned = config["options"]["install_requires"] + "".join(config["options.extras_require"].values())
    names = set(re.findall(r"^([a-z0-9-]+)(?:\[[a-z,]+\])?==", pinned, flags=re.MULTILINE))
    assert len(names) > 20
    text = (DOCS / "dependencies.md").read_text()
    assert {name for name in names if not re.search(rf"\b{re.escape(name)}\b", text)} == set()


@pytest.mark.parametrize("page", reference.PAGES)
def test_reference_page_is_what_the_code_says(page: str) -> None:
    assert (DOCS / page).read_text() == reference.PAGES[page](), "run make docs"


@pytest.mark.parametrize(
    ("service", "code"),
    [
        (service, code)
        for service, errors in (
            ("instance_agent", agent_errors.ERRORS),
            ("api", api_errors.ERRORS),
            ("mission_control", console_errors.ERRORS),
        )
        for code in errors
    ],
)
def test_error_code_is_met_by_a_test(service: str, code: str) -> None:
    named = re.compile(rf"\b{code}\b")
    assert any(named.search(path.read_text()) for path in (ROOT / "tests").rglob("*.py")), f"{service}: {code}"


def test_every_endpoint_is_documented(tmp_path: Path) -> None:
    text = (DOCS / "api.md").read_text()
    with applications(tmp_path) as apps:
        endpoints = {
            f"{method} " + PATH_PARAMETER.sub(r"{\1}", rule.rule)
            for app in apps.values()
            for rule in app.url_map.iter_rules()
            if not rule.endpoint.endswith("static")
            for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        }
    assert len(endpoints) > 50
    assert {endpoint for endpoint in endpoints if f"`{endpoint}`" not in text} == set()
    documented = set(re.findall(r"`((?:GET|PUT|POST|DELETE) /[^`?]*)`", text)) - {"PUT /{environment_id}/{upload_id}"}
    assert documented - endpoints == set()


def test_links_between_documents_lead_somewhere() -> None:
    pages = [ROOT / "README.md", *DOCS.rglob("*.md")]
    broken = {
        (page.relative_to(ROOT).as_posix(), target)
        for page in pages
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text())
        if not target.startswith(("http:", "https:")) and not (page.parent / target).exists()
    }
    assert broken == set()


def test_make_help_lists_every_command() -> None:
    printed = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert {line.split()[1] for line in printed.splitlines() if line.startswith("  make ")} == {
        "help",
        "install",
        "up",
        "test",
        "lint",
        "format",
        "docs",
        "benchmark",
        "benchmark-queries",
        "benchmark-accuracy",
        "clean",
    }
