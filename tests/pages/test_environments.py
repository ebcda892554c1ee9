"""The list, the form, and the page of an environment in each of its states."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from flask import Flask

from mission_control.audit.events import EventKind
from mission_control.parts import Parts
from tests.pages.browser import HTMX, Browser
from tests.pages.fake_control_plane import FakeControlPlane, error
from tests.pages.fake_provider import FakeProvider


def team_of(parts: Parts) -> str:
    with parts.database.transaction() as connection:
        row = connection.execute("select id from team order by created_at limit 1").fetchone()
    assert row is not None
    return str(row["id"])


def events(parts: Parts) -> list[tuple[str, UUID | None, str | None]]:
    """What was recorded after the sign-in."""
    with parts.database.transaction() as connection:
        rows = connection.execute("select kind, environment_id, detail from event order by id").fetchall()
    return [
        (row["kind"], row["environment_id"], row["detail"]) for row in rows if not row["kind"].startswith("account:")
    ]


def test_list_without_environments_says_what_to_do(anna: Browser) -> None:
    page = anna.open("/environments")
    assert page.heading == "Environments"
    assert "No environments yet" in page.text
    assert page.one('main a[href="/environments/new"]').text == "New environment"


@pytest.mark.parametrize("names", [["shop"], ["shop", "invoices", "old shop"]])
def test_list_shows_every_environment_newest_first(
    anna: Browser, parts: Parts, control_plane: FakeControlPlane, names: list[str]
) -> None:
    made = [control_plane.add(team_of(parts), name) for name in names]
    page = anna.open("/environments")
    links = page.html.select(".list-name")
    assert [link.text for link in links] == names[::-1]
    assert [link["href"] for link in links] == [f"/environments/{row['id']}" for row in made[::-1]]
    assert {state.text for state in page.html.select(".state")} == {"Running"}


def test_list_while_the_control_plane_is_away_is_a_503(anna: Browser, control_plane: FakeControlPlane) -> None:
    control_plane.answers.append(error(503, "unavailable", "not now", Retry_After="7"))
    page = anna.open("/environments")
    assert (page.status, page.response.headers["Retry-After"]) == (503, "7")
    assert "go on serving" in page.text


def test_environment_is_created_watched_and_running(
    anna: Browser, parts: Parts, control_plane: FakeControlPlane
) -> None:
    made = anna.submit(anna.open("/environments/new"), "/environments/new", name="  shop ")
    assert made.status == 303
    environment_id = anna.environment_id(made)
    seen = [anna.open(made.location) for _ in range(4)]
    assert [page.one(".state").text for page in seen] == ["Creating", "Creating", "Creating", "Running"]
    assert seen[0].heading == "shop"
    assert seen[1].one(".step.running .step-label").text == "Starting the database"
    assert seen[1].one("progress")["value"] == "33"
    assert seen[1].one("[data-poll]")["hx-trigger"] == "every 1s"
    assert seen[1].one('noscript meta[http-equiv="refresh"]')
    assert seen[1].one("#environment-sentence")["role"] == "status"
    assert seen[1].one("#environment-sentence").text == "Step 2 of 3: Starting the database."
    assert not seen[3].has("[data-poll]") and not seen[3].has("noscript meta")
    assert seen[3].one("#environment-url").text == control_plane.agent_url
    assert events(parts) == [(EventKind.ENVIRONMENT_CREATE_REQUESTED, environment_id, None)]


def test_same_form_sent_twice_makes_one_environment(anna: Browser, control_plane: FakeControlPlane) -> None:
    control_plane.moves = False
    form = anna.open("/environments/new")
    first = anna.submit(form, "/environments/new", name="shop")
    second = anna.submit(form, "/environments/new", name="shop")
    assert first.location == second.location
    assert len(control_plane.environments) == 1


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("", "Give the environment a name."),
        ("   ", "Give the environment a name."),
        ("x" * 65, "Use at most 64 characters; these are 65."),
        ("taken", "The team has an environment of this name already. Choose another name."),
        ("a\u200bb", "The name has invisible characters. Use letters, digits and spaces."),
    ],
)
def test_name_that_cannot_be_used_is_said_at_the_field(
    anna: Browser, parts: Parts, control_plane: FakeControlPlane, name: str, problem: str
) -> None:
    control_plane.add(team_of(parts), "taken")
    form = anna.open("/environments/new")
    page = anna.submit(form, "/environments/new", name=name)
    assert page.status == 422
    field = page.one("input#name")
    assert field["aria-invalid"] == "true"
    described = [page.one(f"#{id_}").text for id_ in str(field["aria-describedby"]).split()]
    assert described[0] == problem
    assert field["value"] == name.strip()
    assert page.form("/environments/new")["request_id"] != form.form("/environments/new")["request_id"]
    assert events(parts) == []


def test_name_with_markup_is_shown_as_text(anna: Browser, parts: Parts, control_plane: FakeControlPlane) -> None:
    name = '<b>"bold"</b>&amp;'
    environment = control_plane.add(team_of(parts), name)
    assert anna.open("/environments").one(".list-name").text == name
    assert anna.open(f"/environments/{environment['id']}").heading == name
    assert name in anna.open(f"/environments/{environment['id']}/delete").heading


def test_creation_whose_outcome_is_unknown_is_recorded_and_says_so(
    anna: Browser, parts: Parts, control_plane: FakeControlPlane
) -> None:
    form = anna.open("/environments/new")
    control_plane.delay_seconds = 3
    page = anna.submit(form, "/environments/new", name="shop")
    control_plane.delay_seconds = 0
    assert (page.status, page.response.headers["X-Error-Code"]) == (503, "outcome_unknown")
    assert events(parts) == [(EventKind.ENVIRONMENT_CREATE_REQUESTED, None, None)]


def test_progress_is_a_fragment_for_htmx_and_the_page_for_everybody_else(
    anna: Browser, parts: Parts, control_plane: FakeControlPlane
) -> None:
    environment = control_plane.add(team_of(parts), "shop")
    address = f"/environments/{environment['id']}/progress"
    fragment = anna.open(address, headers=HTMX)
    assert fragment.status == 200
    assert not fragment.has("html") and fragment.has("#environment h1")
    assert anna.open(address).location == f"/environments/{environment['id']}"


def test_creation_that_failed_says_why_and_what_next(
    anna: Browser, parts: Parts, control_plane: FakeControlPlane
) -> None:
    environment = control_plane.add(team_of(parts), "shop", "creating")
    control_plane.begin(environment, "create")
    control_plane.fail(environment, "The database did not start within 60 s.")
    page = anna.open(f"/environments/{environment['id']}")
    assert page.status == 200
    assert page.one(".state").text == "Failed"
    assert "The database did not start within 60 s." in page.one("#environment-trouble").text
    assert page.one("#environment-sentence").text == "Creating shop didn't work."
    assert page.has(f'a[href="/environments/{environment["id"]}/delete"]')
    assert not page.has("[data-poll]") and not page.has("#keys")


@pytest.mark.parametrize(("state", "kind"), [("creating", "create"), ("running", "delete")])
def test_operation_that_is_overdue_says_so_and_is_watched_on(
    anna: Browser, parts: Parts, control_plane: FakeControlPlane, state: str, kind: str
) -> None:
    control_plane.moves = False
    environment = control_plane.add(team_of(parts), "shop", state)
    operation = control_plane.begin(environment, kind)
    control_plane.fail(environment, "The files can't be removed.", state="needs_attention")
    page = anna.open(f"/environments/{environment['id']}")
    overdue = page.one("#environment-overdue").text
    assert "This takes longer than it should." in overdue
    assert "The files can't be removed." in overdue
    assert operation["id"] in overdue
    assert page.one("#environment-sentence").text.endswith("It takes longer than it should.")
    assert len(page.html.select(".step")) == 3
    assert page.has("[data-poll]")


def test_step_at_work_shows_how_long_it_has_been(anna: Browser, parts: Parts, control_plane: FakeControlPlane) -> None:
    control_plane.moves = False
    environment = control_plane.add(team_of(parts), "shop", "creating")
    operation = control_plane.begin(environment, "create")
    control_plane.move(operation)
    begun = (datetime.now(UTC) - timedelta(seconds=75)).isoformat()
    operation["started_at"] = operation["steps"][1]["started_at"] = begun
    page = anna.open(f"/environments/{environment['id']}")
    times = [step.get_text(strip=True) for step in page.html.select(".step-time")]
    assert times == ["0.0 s", "75 s", ""]
    assert page.one("#elapsed").text == "75 s"
    operation["started_at"] = (datetime.now(UTC) - timedelta(seconds=200)).isoformat()
    assert anna.open(f"/environments/{environment['id']}").one("#elapsed").text == "3 min"


def test_list_is_watched_while_something_in_it_changes(
    anna: Browser, parts: Parts, control_plane: FakeControlPlane
) -> None:
    control_plane.add(team_of(parts), "shop")
    calm = anna.open("/environments")
    assert not calm.has("[data-poll]") and not calm.has("noscript")
    control_plane.add(team_of(parts), "new shop", "creating")
    page = anna.open("/environments")
    assert page.one("[data-poll]")["hx-get"] == "/environments"
    assert page.one('noscript meta[http-equiv="refresh"]')
    fragment = anna.open("/environments", headers=HTMX)
    assert not fragment.has("html")
    assert [state.text for state in fragment.html.select(".state")] == ["Creating", "Running"]


def test_no_room_for_another_environment_says_what_to_do(
    anna: Browser, parts: Parts, control_plane: FakeControlPlane
) -> None:
    form = anna.open("/environments/new")
    says = "Every port that environments may have is taken. Delete an environment, or allow more ports."
    control_plane.answers.append(error(503, "no_port_free", says, Retry_After="30"))
    page = anna.submit(form, "/environments/new", name="shop")
    assert (page.status, page.response.headers["X-Error-Code"]) == (503, "no_room")
    assert page.response.headers["Retry-After"] == "30"
    assert says in page.text
    assert events(parts) == []


def test_environment_that_is_deleted_elsewhere_while_it_is_watched_ends_on_the_list(
    anna: Browser, parts: Parts, control_plane: FakeControlPlane
) -> None:
    control_plane.moves = False
    environment = control_plane.add(team_of(parts), "shop", "creating")
    control_plane.begin(environment, "create")
    watched = str(anna.open(f"/environments/{environment['id']}").one("[data-poll]")["hx-get"])
    deletion = control_plane.begin(environment, "delete")
    for _ in range(3):
        control_plane.move(deletion)
    last = anna.open(watched, headers=HTMX)
    assert last.status == 204
    assert "has been deleted" in anna.open(last.response.headers["HX-Redirect"], follow=True).one(".note").text


@pytest.mark.parametrize("path", ["", "/delete", "/progress", "/keys/read_only"])
def test_environment_that_is_not_there_is_a_404(anna: Browser, path: str) -> None:
    page = anna.open(f"/environments/{uuid4()}{path}", follow=True)
    assert (page.status, page.response.headers["X-Error-Code"]) == (404, "environment_not_found")


@pytest.mark.parametrize(
    "call",
    [
        ("GET", ""),
        ("GET", "/delete"),
        ("POST", "/delete"),
        ("GET", "/progress"),
        ("GET", "/keys/read_write"),
        ("POST", "/keys/read_write/reveal"),
    ],
)
def test_another_teams_environment_does_not_exist(
    app: Flask,
    anna: Browser,
    parts: Parts,
    provider: FakeProvider,
    control_plane: FakeControlPlane,
    call: tuple[str, str],
) -> None:
    environment = control_plane.add(team_of(parts), "shop")
    provider.user = {"sub": "user-2", "email": "bo@example.test"}
    bo = Browser(app)
    bo.sign_in()
    method, address = call[0], f"/environments/{environment['id']}{call[1]}"
    token = bo.open("/environments").form("/auth/sign-out")["csrf_token"]
    fields = {"csrf_token": token, "name": "shop"}
    page = bo.open(address, headers=HTMX) if method == "GET" else bo.send(address, fields)
    assert (page.status, page.response.headers["X-Error-Code"]) == (404, "environment_not_found")
    assert environment["id"] in control_plane.environments
    assert environment["name"] not in page.text
    assert events(parts) == []


def test_deletion_asks_for_the_name_and_lists_what_will_be_lost(
    anna: Browser, parts: Parts, control_plane: FakeControlPlane
) -> None:
    environment = control_plane.add(team_of(parts), "shop")
    page = anna.open(f"/environments/{environment['id']}/delete")
    assert page.heading == "Delete shop?"
    assert len(page.html.select(".losses li")) == 3
    assert page.one('label[for="name"]').text == "Type “shop” to confirm"


@pytest.mark.parametrize("typed", ["", "Shop", "shop2", "sho"])
def test_deletion_with_another_name_deletes_nothing(
    anna: Browser, parts: Parts, control_plane: FakeControlPlane, typed: str
) -> None:
    environment = control_plane.add(team_of(parts), "shop")
    address = f"/environments/{environment['id']}/delete"
    page = anna.submit(anna.open(address), address, name=typed)
    assert page.status == 422
    assert "isn't the environment's name" in page.one("#name-problem").text
    assert control_plane.environments[environment["id"]]["state"] == "running"
    assert ("DELETE", f"/v1/environments/{environment['id']}", team_of(parts)) not in control_plane.requests
    assert events(parts) == []


@pytest.mark.parametrize("typed", ["two  words", "two words", " two\u00a0words "])
def test_gaps_that_a_page_does_not_show_need_not_be_typed(
    anna: Browser, parts: Parts, control_plane: FakeControlPlane, typed: str
) -> None:
    environment = control_plane.add(team_of(parts), "two  words")
    address = f"/environments/{environment['id']}/delete"
    assert anna.submit(anna.open(address), address, name=typed).status == 303


def test_deletion_is_watched_and_ends_on_the_list(anna: Browser, parts: Parts, control_plane: FakeControlPlane) -> None:
    environment = control_plane.add(team_of(parts), "shop")
    page_address = f"/environments/{environment['id']}"
    asked = anna.open(f"{page_address}/delete")
    deleted = anna.submit(asked, f"{page_address}/delete", name="shop")
    assert deleted.status == 303
    seen = [anna.open(deleted.location) for _ in range(3)]
    assert [page.one(".state").text for page in seen] == ["Deleting"] * 3
    assert not seen[0].has("#keys") and not seen[0].has(f'a[href="{page_address}/delete"]')
    poll = str(seen[0].one("[data-poll]")["hx-get"])
    last = anna.open(poll, headers=HTMX)
    assert (last.status, last.response.headers["HX-Redirect"]) == (204, deleted.location)
    end = anna.open(deleted.location, follow=True)
    assert "The environment has been deleted." in end.one(".note").text
    assert anna.open(page_address).status == 404
    assert events(parts) == [(EventKind.ENVIRONMENT_DELETE_REQUESTED, UUID(environment["id"]), None)]


def test_deletion_of_an_environment_that_is_being_deleted_shows_its_progress(
    anna: Browser, parts: Parts, control_plane: FakeControlPlane
) -> None:
    environment = control_plane.add(team_of(parts), "shop")
    operation = control_plane.begin(environment, "delete")
    page = anna.open(f"/environments/{environment['id']}/delete")
    assert page.location == f"/environments/{environment['id']}?operation={operation['id']}"


def test_operation_of_another_environment_does_not_make_a_404_a_deletion(
    anna: Browser, parts: Parts, control_plane: FakeControlPlane
) -> None:
    environment = control_plane.add(team_of(parts), "shop")
    operation = control_plane.begin(environment, "delete")
    for _ in range(3):
        control_plane.move(operation)
    assert anna.open(f"/environments/{uuid4()}?operation={operation['id']}").status == 404
    assert anna.open(f"/environments/{uuid4()}?operation=nonsense").status == 404


def test_control_plane_is_called_for_the_team_by_the_person(
    anna: Browser, parts: Parts, control_plane: FakeControlPlane
) -> None:
    anna.open("/environments")
    claims = control_plane.claims[-1]
    with parts.database.transaction() as connection:
        row = connection.execute("select account_id::text as act, team_id::text as sub from membership").fetchone()
    assert row is not None
    assert {name: claims[name] for name in ("iss", "aud", "sub", "act")} == {
        "iss": "mission_control",
        "aud": "api",
        **row,
    }
    assert claims["exp"] - claims["iat"] == 60
