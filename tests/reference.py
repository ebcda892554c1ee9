"""The reference pages that are written from the code: `make docs` writes them, a test holds them to it.

docs/errors.md from each service's table of errors, docs/settings.md from each service's settings, docs/conformance.md
from the comparisons with recorded answers.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pydantic import AliasChoices, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings

from api import errors as api_errors
from api import settings as api_settings
from instance_agent import errors as agent_errors
from instance_agent import settings as agent_settings
from mission_control import errors as console_errors
from mission_control import settings as console_settings
from mission_control.identity import provider_settings
from tests.conformance.page import conformance_page

DOCS = Path(__file__).resolve().parents[1] / "docs"

SETTINGS: dict[str, type[BaseSettings]] = {
    "The database (`vakka agent serve`)": agent_settings.Settings,
    "The control plane (API, worker, upload server)": api_settings.Settings,
    "Mission Control": console_settings.Settings,
    "The embedded identity provider": provider_settings.ProviderSettings,
}


def errors_page() -> str:
    """docs/errors.md."""
    return "\n".join(
        [
            "# Errors",
            "",
            "Written from the code by `make docs`. Codes are stable, sentences may improve.",
            "",
            "## The database",
            "",
            'Answers with the published flat object: `{"message": "...", "status": 404, "error": "table_not_found"}`.',
            "",
            *_error_table((code, kind.status, kind.sentence) for code, kind in agent_errors.ERRORS.items()),
            "",
            "## The control plane",
            "",
            'Answers with `{"error": {"code", "type", "message", "param", "docs"}}`; 429 and 503 carry `Retry-After`.',
            "",
            *_error_table((code, kind.status, kind.message) for code, kind in api_errors.ERRORS.items()),
            "",
            "## Mission Control",
            "",
            "A browser gets a page with the message and the request's id; a program that asks for JSON gets the shape",
            "of the control plane.",
            "",
            *_error_table((code, kind.status, kind.message) for code, kind in console_errors.ERRORS.items()),
            "",
        ]
    )


def settings_page() -> str:
    """docs/settings.md."""
    lines = [
        "# Settings",
        "",
        "Written from the code by `make docs`. Environment variables, read in one module of each service and nowhere",
        "else. `vakka up` sets all of them itself; see `vakka up --help` for what it can be told. `DATABASE_URL` names",
        "another PostgreSQL server.",
    ]
    for title, settings in SETTINGS.items():
        lines += ["", f"## {title}", "", "| Variable | Default | Meaning |", "|---|---|---|"]
        prefix = settings.model_config.get("env_prefix", "")
        for name, field in settings.model_fields.items():
            lines.append(
                f"| `{variable(prefix, name, field)}` | {_default(field)} | {_cell(field.description or '')} |"
            )
    return "\n".join([*lines, ""])


def variable(prefix: str, name: str, field: FieldInfo) -> str:
    """The environment variable of a setting."""
    alias = field.validation_alias
    if isinstance(alias, AliasChoices):
        return str(alias.choices[0])
    return alias if isinstance(alias, str) else (prefix + name).upper()


def _default(field: FieldInfo) -> str:
    if field.default is PydanticUndefined:
        return "required"
    if field.default is None or field.default == "":
        return "none"
    if isinstance(field.default, SecretStr):
        return "secret"
    return f"`{getattr(field.default, 'value', field.default)}`"


def _error_table(rows: Iterable[tuple[str, int, str]]) -> list[str]:
    lines = ["| Code | Status | What it says |", "|---|---|---|"]
    return lines + [
        f'| <a id="{code}"></a>`{code}` | {status} | {_cell(sentence)} |' for code, status, sentence in rows
    ]


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


PAGES = {"errors.md": errors_page, "settings.md": settings_page, "conformance.md": conformance_page}

if __name__ == "__main__":
    for name, render in PAGES.items():
        (DOCS / name).write_text(render())
