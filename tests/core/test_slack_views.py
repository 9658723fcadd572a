"""What the forms in Slack look like, against files; `python -m tests.core.test_slack_views` writes these again."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.errors import Fault, Problem
from bridge.core.request import invalid, parse_request
from bridge.core.slack.views import Choice, edit_form, form_errors, publish_form, read_form
from tests.block_kit import error_faults, view_faults
from tests.core.builders import problem_of

GOLDEN = Path(__file__).parent.parent / "golden" / "views"
CHOICES = [Choice("brand-tiktok", "brand-tiktok (TikTok, @brandhq)"), Choice("brand-x", "brand-x (X, @brand)")]
META = {"message": "rpl_1", "channel": "C1", "thread": "", "user": "U0ADA"}
DRAFT = {
    "caption": "Holiday drops start Monday!\n<@U1> & more",
    "url": "https://shop.example.com/drops",
    "accounts": ["brand-*", "elsewhere"],
    "scheduled_at": "2031-03-01T12:00:00+01:00",
    "media": ["https://cdn.example.com/a.jpg", "https://cdn.example.com/b.jpg"],
}
EPOCH = 1930129200
AGAIN = "write it again: python -m tests.core.test_slack_views"


def views() -> dict[str, Any]:
    return {
        "publish": publish_form(DRAFT, CHOICES, META),
        "publish.empty": publish_form({}, [], {}, files=False),
        "publish.too_long": publish_form({"caption": "word " * 700}, CHOICES, META),
        "edit": edit_form({**DRAFT, "media": {"type": "slideshow", "urls": DRAFT["media"]}}, META),
        "errors": form_errors(MIXED, publish_form(DRAFT, CHOICES, META)),
    }


MIXED = invalid(
    [
        Fault("media.urls[0]", "is not an http(s) URL", "Send a full address."),
        Fault("accounts[1]", "'elsewhere' is not known", "Did you mean brand-x?"),
        Fault("captions.x", "has 300 characters", "Send at most 280."),
        Fault("timezone", "'Mars' is not an IANA zone", "Use a name such as Europe/Berlin."),
        Fault("caption", "is empty", "Write something."),
        Fault("pinterest.board", "is missing", "Name a board."),
    ]
)


def written(name: str) -> str:
    return json.dumps(views()[name], indent=2, ensure_ascii=False) + "\n"


def submitted(view: Any, **values: Any) -> Any:
    """A form as Slack sends it back: each element with its initial value, unless another was filled in."""
    state = {}
    for block in (one for one in view["blocks"] if one["type"] == "input"):
        element, name = block["element"], block["block_id"]
        state[name] = {"value": values[name] if name in values else _untouched(element)}
    return {**view, "state": {"values": state}}


def _untouched(element: Any) -> Any:
    kind = element["type"]
    match kind:
        case "datetimepicker":
            return {"type": kind, "selected_date_time": element.get("initial_date_time")}
        case "multi_static_select":
            return {"type": kind, "selected_options": element.get("initial_options", [])}
        case "file_input":
            return {"type": kind, "files": []}
        case _:
            return {"type": kind, "value": element.get("initial_value")}


def text(value: str | None) -> dict[str, Any]:
    return {"type": "plain_text_input", "value": value}


def a_file(name: str, kind: str) -> dict[str, Any]:
    return {
        "id": "F1",
        "name": name,
        "mimetype": kind,
        "url_private": f"https://files.slack.com/files-pri/T1-F1/{name}",
    }


@pytest.mark.parametrize("name", views())
def test_each_form_is_as_its_file_says(name):
    assert written(name) == (GOLDEN / f"{name}.json").read_text(encoding="utf-8"), AGAIN
    if name != "errors":
        assert view_faults(views()[name]) == []


def test_a_form_that_is_sent_in_as_it_was_gives_its_draft():
    fields, metadata = read_form(submitted(publish_form(DRAFT, CHOICES, META)))
    assert fields == {
        "caption": DRAFT["caption"],
        "url": DRAFT["url"],
        "accounts": ["brand-tiktok", "brand-x"],
        "scheduled_at": "2031-03-01T11:00:00+00:00",
        "media": DRAFT["media"],
    }
    assert metadata == META
    assert parse_request(fields).scheduled_at is not None


def test_an_empty_form_gives_no_fields():
    assert read_form(submitted(publish_form({}, CHOICES, {}))) == ({}, {})


def test_accounts_that_are_too_many_for_a_list_are_asked_for_by_name():
    choices = [Choice(f"brand-{number}", "") for number in range(101)]
    form = publish_form({"accounts": "brand-1, brand-2"}, choices, META)
    assert view_faults(form) == []
    fields, _ = read_form(submitted(form))
    assert parse_request(fields).accounts == ("brand-1", "brand-2")


def test_a_hundred_accounts_are_a_list():
    choices = [Choice(f"brand-{number}", "x" * 200) for number in range(100)]
    form = publish_form({"accounts": ["brand-99"]}, choices, META)
    assert view_faults(form) == []
    assert read_form(submitted(form))[0] == {"accounts": ["brand-99"]}


@pytest.mark.parametrize(
    ("files", "media"),
    [
        ([a_file("a.mp4", "video/mp4")], {"type": "video", "url": a_file("a.mp4", "")["url_private"]}),
        ([a_file("a", "image/png")] * 2, {"type": "slideshow", "urls": [a_file("a", "")["url_private"]] * 2}),
        ([], None),
    ],
)
def test_files_become_media_by_what_slack_says_they_are(files, media):
    fields, _ = read_form(submitted(publish_form({}, CHOICES, META), files={"type": "file_input", "files": files}))
    assert fields.get("media") == media


def test_a_file_that_cannot_be_posted_is_refused_in_its_place():
    form = publish_form({}, CHOICES, META)
    sent = submitted(form, files={"type": "file_input", "files": [a_file("a.pdf", "application/pdf")]})
    problem = problem_of(lambda: read_form(sent))
    assert problem is not None
    assert form_errors(problem, form)["errors"].keys() == {"media"}


@pytest.mark.parametrize(
    "media", [{"type": "video", "url": "https://a.example/1"}, {"type": "slideshow", "urls": ["https://a.example/1"]}]
)
def test_media_that_is_left_as_it_was_is_still_of_its_kind(media):
    form = publish_form({"media": media}, CHOICES, META)
    assert read_form(submitted(form)) == ({"media": media}, META)
    other = text("https://a.example/2")
    assert read_form(submitted(form, media=other))[0] == {"media": ["https://a.example/2"]}


def test_images_that_a_message_has_and_images_that_are_added_are_one_slideshow():
    sent = {"type": "file_input", "files": [a_file("b", "image/png")]}
    form = publish_form({"media": {"type": "slideshow", "urls": ["https://a.example/1"]}}, CHOICES, META)
    media = {"type": "slideshow", "urls": ["https://a.example/1", a_file("b", "")["url_private"]]}
    assert read_form(submitted(form, files=sent))[0] == {"media": media}


def test_addresses_and_files_go_together():
    sent = {"type": "file_input", "files": [a_file("b.png", "image/png")]}
    fields, _ = read_form(submitted(publish_form({"media": "https://a.example/a.png"}, CHOICES, META), files=sent))
    assert fields["media"] == ["https://a.example/a.png", a_file("b.png", "")["url_private"]]


def test_an_edit_gives_only_what_was_changed():
    form = edit_form(DRAFT, META)
    assert read_form(submitted(form)) == ({}, META)
    assert read_form(submitted(form, caption=text("New")))[0] == {"caption": "New"}
    assert read_form(submitted(form, caption=text(None)))[0] == {"caption": None}
    assert read_form(submitted(form, media=text("https://a.example/a.png")))[0] == {
        "media": ["https://a.example/a.png"]
    }
    moved = {"type": "datetimepicker", "selected_date_time": EPOCH + 60}
    assert read_form(submitted(form, scheduled_at=moved))[0] == {"scheduled_at": "2031-03-01T11:01:00+00:00"}
    now = {"type": "datetimepicker", "selected_date_time": None}
    assert read_form(submitted(form, scheduled_at=now))[0] == {"scheduled_at": None}


@pytest.mark.parametrize("caption", ["a\r\nb ", "x" * 4_000])
def test_a_text_that_slack_ends_lines_of_otherwise_or_that_was_cut_counts_as_unchanged(caption):
    form = edit_form({"caption": caption}, META)
    shown = form["blocks"][-3]["element"]["initial_value"].replace("\r\n", "\n").strip()
    assert read_form(submitted(form, caption=text(shown)))[0] == {}


def test_what_a_form_cannot_hold_is_said_and_cut():
    form = publish_form({"caption": "x" * 3_001, "accounts": ["elsewhere"]}, CHOICES, META)
    note = form["blocks"][0]["elements"][0]["text"]
    assert "The text has 3,001 characters" in note
    assert "Not among the accounts that can be chosen here: elsewhere." in note
    assert form["blocks"][1]["element"]["initial_value"].endswith("x…")


def test_metadata_stays_small_and_holds_no_secret():
    form = publish_form({}, CHOICES, META | {"thread": "t" * 3_000, "address": "https://hooks.slack.com/actions/x"})
    assert len(form["private_metadata"]) <= 3_000
    assert "hooks.slack.com" not in form["private_metadata"]
    assert read_form(submitted(form))[1] == {name: META[name] for name in ("message", "channel", "user")}


def test_faults_stand_where_they_belong():
    form = publish_form(DRAFT, CHOICES, META)
    answer = form_errors(MIXED, form)
    assert error_faults(answer, form) == []
    assert answer["errors"]["media"].startswith("Number 1 is not an http(s) URL. Send")
    assert answer["errors"]["caption"].startswith("For x it has 300 characters. Send at most 280. Is empty.")


def test_a_problem_without_faults_stands_in_the_first_field():
    form = edit_form(DRAFT, META)
    answer = form_errors(Problem(409, "being_sent", "The post is being sent right now."), form)
    assert answer["errors"] == {"caption": "The post is being sent right now."}
    assert error_faults(answer, form) == []


def test_a_form_without_the_field_at_fault_shows_it_in_one_that_is_there():
    form = edit_form(DRAFT, META)
    assert error_faults(form_errors(invalid([Fault("accounts[0]", "is not known")]), form), form) == []
    alone = {"blocks": [{"type": "input", "block_id": "media"}]}
    assert form_errors(invalid([Fault("caption", "is empty")]), alone)["errors"] == {"media": "Caption is empty."}


ODD = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(["caption", "url", "accounts", "scheduled_at", "media", "files", "odd"])
ELEMENTS = st.dictionaries(
    st.sampled_from(["value", "selected_options", "selected_date_time", "files"]), ODD, max_size=3
)
VALUES = st.dictionaries(NAMES, st.dictionaries(st.sampled_from(["value", "other"]), ELEMENTS | ODD, max_size=2) | ODD)


@given(
    values=VALUES | ODD,
    metadata=st.text(max_size=20) | ODD,
    callback_id=st.sampled_from(["bridge_publish", "bridge_edit", ""]),
)
def test_whatever_is_sent_in_is_read(values, metadata, callback_id):
    view = {"state": {"values": values}, "private_metadata": metadata, "callback_id": callback_id}
    problem_of(lambda: parse_request(read_form(view)[0], editing=callback_id == "bridge_edit"))


@pytest.mark.slow
@given(
    draft=st.dictionaries(NAMES, ODD | st.text("x &<", max_size=4_000)),
    names=st.lists(st.text(max_size=100), max_size=120, unique=True),
    label=st.text(max_size=200),
)
def test_whatever_a_form_begins_with_slack_takes_it(draft, names, label):
    form = publish_form(draft, [Choice(name, label) for name in names], draft)
    assert view_faults(form) == []
    assert view_faults(edit_form(draft, draft)) == []


@given(fields=st.lists(st.text(max_size=40) | NAMES, min_size=1), words=st.text(max_size=400))
def test_whatever_is_wrong_slack_takes_the_answer(fields, words):
    form = publish_form({}, CHOICES, META)
    assert error_faults(form_errors(invalid([Fault(field, words, words) for field in fields]), form), form) == []


def write() -> None:
    """Write every file again."""
    GOLDEN.mkdir(parents=True, exist_ok=True)
    for name in views():
        (GOLDEN / f"{name}.json").write_text(written(name), encoding="utf-8")


if __name__ == "__main__":
    write()
