"""The forms in Slack: how they begin, what was filled in, and what is wrong with it, in place.

Sources, read 2026-11: https://docs.slack.dev/reference/views/modal-views (24 characters of a title, 3,000 of
`private_metadata`), https://docs.slack.dev/reference/block-kit/block-elements/plain-text-input-element (3,000
characters), https://docs.slack.dev/reference/block-kit/block-elements/multi-select-menu-element (100 options),
https://docs.slack.dev/reference/block-kit/block-elements/datetime-picker-element,
https://docs.slack.dev/reference/block-kit/block-elements/file-input-element (10 files, needs `files:read`), and
https://docs.slack.dev/surfaces/modals (`response_action`).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from hashlib import sha256
from typing import Any

import orjson

from bridge.core.answers import Json
from bridge.core.block_kit import Block, words
from bridge.core.errors import Fault, Problem
from bridge.core.slack.files import media_of

PUBLISH_FORM, EDIT_FORM = "bridge_publish", "bridge_edit"
"""The `callback_id` of each form."""

CAPTION, URL, ACCOUNTS, SCHEDULED_AT, MEDIA, FILES = "caption", "url", "accounts", "scheduled_at", "media", "files"
"""The ids of the blocks; the element in each is `VALUE`."""

VALUE = "value"
MOST_TEXT, MOST_METADATA, MOST_ERROR, MOST_FILES = 3_000, 3_000, 150, 10
_MOST_OPTIONS, _MOST_OPTION, _LATEST = 100, 75, 9_999_999_999
_WAS, _KIND = "was", "kind"
_NUMBER = re.compile(r"\[(\d{1,4})\]$")
_SECRET = frozenset({"address", "trigger"})
_FILE_TYPES = ("jpg", "jpeg", "png", "webp", "gif", "heic", "mp4", "mov", "m4v")
_PLACES: Mapping[str, str] = {
    "text": CAPTION, "captions": CAPTION, "timezone": SCHEDULED_AT, "title": CAPTION, "excerpt": CAPTION,
}  # fmt: skip
"""Fields of a publish request that stand in a block of another name."""


@dataclass(frozen=True, slots=True)
class Choice:
    """An account that a form offers: our name for it, and a label with its platform and user name."""

    name: str
    label: str


def publish_form(draft: Json, choices: Sequence[Choice], metadata: Json, *, files: bool = True) -> Json:
    """Return the form that asks for a post.

    Args:
        draft: fields of a publish request that it begins with; what a block cannot hold is cut, and it says so.
        choices: the accounts that may be chosen; more than Slack lists are asked for by their names.
        metadata: what is given back with what was filled in; nothing secret.
        files: whether files may be uploaded, which the app needs the scope `files:read` for.
    """
    caption, notes = _fitting(draft.get(CAPTION) or draft.get("text"))
    media = _urls(draft.get(MEDIA))
    accounts, unknown = _accounts(draft.get(ACCOUNTS), choices)
    blocks = [
        *_notes([*notes, *unknown]),
        _input(CAPTION, "Text", _text(caption, multiline=True), hint="Each account gets this text."),
        _input(URL, "Link", _url(draft.get(URL)), hint="A page that the post is about."),
        accounts,
        _input(SCHEDULED_AT, "Time", _time(draft.get(SCHEDULED_AT)), hint="Leave it empty to publish now."),
        _input(MEDIA, "Addresses of images or a video", _text(media, multiline=True), hint=_LINES),
    ]
    if files:
        element: Block = {
            "type": "file_input",
            "action_id": VALUE,
            "filetypes": list(_FILE_TYPES),
            "max_files": MOST_FILES,
        }
        blocks.append(_input(FILES, "Or files", element))
    kind = draft[MEDIA].get("type") if isinstance(draft.get(MEDIA), Mapping) else None
    was = {MEDIA: _mark(media), _KIND: kind} if media and isinstance(kind, str) else None
    return _modal(
        PUBLISH_FORM, "Publish a post", "Publish", blocks, _packed({**metadata, **({_WAS: was} if was else {})})
    )


def edit_form(draft: Json, metadata: Json) -> Json:
    """Return the form that changes a post before it goes out; only what is changed in it comes back of `read_form`."""
    caption, notes = _fitting(draft.get(CAPTION))
    media, at = _urls(draft.get(MEDIA)), _time(draft.get(SCHEDULED_AT))
    was = {
        CAPTION: _mark(caption),
        MEDIA: _mark(media),
        SCHEDULED_AT: _mark(_instant(at.get("initial_date_time"))),
    }
    blocks = [
        *_notes([*notes, *(_KEPT if notes else ())]),
        _input(CAPTION, "Text", _text(caption, multiline=True), hint="A changed text goes to every account."),
        _input(SCHEDULED_AT, "Time", at, hint="Leave it empty to publish as soon as it may go."),
        _input(MEDIA, "Addresses of images or a video", _text(media, multiline=True), hint=_LINES),
    ]
    return _modal(EDIT_FORM, "Edit the post", "Save", blocks, _packed({**metadata, _WAS: was}))


_LINES = "One address a line."
_KEPT = ("As long as you leave it as it is, the whole text is kept.",)


def read_form(view: Json) -> tuple[Json, Json]:
    """Return what was filled in, as fields of a publish request (of an edit: what was changed, None for emptied).

    Also returns the metadata that the form was given. What is missing, or not of the form that it should have, is left
    out, so that whoever checks the fields finds fault with it.

    Raises:
        Problem: 422, a file that was uploaded cannot be posted.
    """
    metadata = dict(_unpacked(view.get("private_metadata")))
    found = metadata.pop(_WAS, None)
    was = found if isinstance(found, dict) else {}
    state = view.get("state")
    values = state.get("values") if isinstance(state, dict) else None
    filled = {name: _filled(block) for name, block in values.items()} if isinstance(values, dict) else {}
    if view.get("callback_id") == EDIT_FORM:
        return _changed(filled, was), metadata
    fields: dict[str, Any] = {name: filled[name] for name in (CAPTION, URL, ACCOUNTS, SCHEDULED_AT) if filled.get(name)}
    if media := _together(_media(filled.get(MEDIA), was), media_of(filled.get(FILES))):
        fields[MEDIA] = media
    return fields, metadata


def form_errors(problem: Problem, view: Json) -> Json:
    """Return the answer that shows what is wrong below the fields of a form, each fault in its place."""
    blocks = view.get("blocks")
    inputs = [
        str(block.get("block_id"))
        for block in (blocks if isinstance(blocks, list) else ())
        if isinstance(block, dict) and block.get("type") == "input"
    ]
    found: dict[str, str] = {}
    for fault in problem.errors or (Fault("", problem.detail),):
        place = _place(fault.field, inputs)
        found[place] = f"{found[place]} {_said(fault, place)}" if place in found else _said(fault, place)
    return {"response_action": "errors", "errors": {place: _cut(text, MOST_ERROR) for place, text in found.items()}}


def _place(field: str, inputs: Sequence[str]) -> str:
    """Return the block that a field is in: one that is there, since Slack refuses any other."""
    name = field.partition(".")[0].partition("[")[0]
    wanted = (_PLACES.get(name, name), CAPTION)
    return next((place for place in wanted if place in inputs), inputs[0] if inputs else CAPTION)


def _said(fault: Fault, place: str) -> str:
    """Return what is wrong as a sentence for somebody who sees the form, and not the names of its fields."""
    number = _NUMBER.search(fault.field)
    name, _, part = fault.field.partition(".")
    subject = "" if fault.field in ("", place) else f"{fault.field} "
    if number is not None:
        subject = f"number {int(number[1]) + 1} "
    elif name == "captions" and part:
        subject = f"for {part} it "
    said = f"{subject}{fault.problem}".rstrip(".")
    return f"{said[:1].upper()}{said[1:]}. {fault.remedy}".strip()


def _modal(callback_id: str, title: str, submit: str, blocks: Sequence[Block], metadata: str) -> Json:
    return {
        "type": "modal",
        "callback_id": callback_id,
        "title": words(title),
        "submit": words(submit),
        "close": words("Close"),
        "private_metadata": metadata,
        "blocks": list(blocks),
    }


def _input(name: str, label: str, element: Block, *, hint: str = "") -> Block:
    block: Block = {"type": "input", "block_id": name, "label": words(label), "element": element, "optional": True}
    return block | ({"hint": words(hint)} if hint else {})


def _notes(texts: Sequence[str]) -> list[Block]:
    """Return what is to be known before the form is filled in, if anything."""
    return [{"type": "context", "elements": [words(_cut(" ".join(texts), 1_000))]}] if texts else []


def _fitting(text: object) -> tuple[str, list[str]]:
    """Return as much of a text as a block holds, and a note when that is not all of it."""
    whole = str(text or "")
    if len(whole) <= MOST_TEXT:
        return whole, []
    note = f"The text has {len(whole):,} characters, and a form holds {MOST_TEXT:,}: the end was cut off."
    return _cut(whole, MOST_TEXT), [note]


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _text(value: str, *, multiline: bool = False) -> Block:
    element: Block = {"type": "plain_text_input", "action_id": VALUE, "multiline": multiline, "max_length": MOST_TEXT}
    return element | ({"initial_value": value} if value else {})


def _url(value: object) -> Block:
    """Return a field for an address; one that is too long is left out, as half of it leads nowhere."""
    element: Block = {"type": "url_text_input", "action_id": VALUE}
    fits = isinstance(value, str) and value.startswith(("https://", "http://")) and len(value) <= MOST_TEXT
    return element | ({"initial_value": value} if fits else {})


def _time(value: object) -> Block:
    """Return a field for a time, which Slack shows and asks for in the zone of whoever fills it in."""
    element: Block = {"type": "datetimepicker", "action_id": VALUE}
    try:
        when = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError:
        return element
    fits = when.tzinfo is not None and 0 < when.timestamp() <= _LATEST
    return element | ({"initial_date_time": int(when.timestamp())} if fits else {})


def _urls(media: object) -> str:
    """Return the addresses of media in any of its forms, one a line, as many as fit whole."""
    if isinstance(media, Mapping):
        media = [media.get("url"), *(media.get("urls") or ())]
    found = [media] if isinstance(media, str) else media if isinstance(media, Sequence) else ()
    lines = ""
    for url in found:
        if isinstance(url, str) and url and len(lines) + len(url) < MOST_TEXT:
            lines += f"{url}\n"
    return lines.rstrip("\n")


def _accounts(wanted: object, choices: Sequence[Choice]) -> tuple[Block, list[str]]:
    """Return the field for the accounts, and a note when some that are wanted cannot be chosen."""
    names = [part.strip() for part in wanted.split(",")] if isinstance(wanted, str) else wanted
    patterns = [str(name) for name in names if name] if isinstance(names, Sequence) else []
    hint = "None: the accounts that are set for this chat."
    listed = 0 < len(choices) <= _MOST_OPTIONS and all(0 < len(one.name) <= _MOST_OPTION for one in choices)
    if not listed:
        named = _text(_cut(", ".join(patterns), MOST_TEXT))
        return _input(ACCOUNTS, "Accounts", named, hint=f"Their names, with commas between. {hint}"), []
    options = {one.name: _option(one) for one in choices}
    chosen = [option for name, option in options.items() if any(fnmatchcase(name, pattern) for pattern in patterns)]
    element: Block = {"type": "multi_static_select", "action_id": VALUE, "options": list(options.values())}
    element |= {"initial_options": chosen} if chosen else {}
    unknown = [one for one in patterns if not any(fnmatchcase(name, one) for name in options)]
    note = f"Not among the accounts that can be chosen here: {_cut(', '.join(unknown), 300)}."
    return _input(ACCOUNTS, "Accounts", element, hint=hint), [note] if unknown else []


def _option(choice: Choice) -> Block:
    return {"text": words(_cut(choice.label or choice.name, _MOST_OPTION)), "value": choice.name}


def _packed(metadata: Json) -> str:
    """Return metadata within its limit: the longest values go first, and nothing secret is in it."""
    kept = {name: value for name, value in metadata.items() if name not in _SECRET}
    while len(packed := orjson.dumps(kept).decode()) > MOST_METADATA:
        kept.pop(max(kept, key=lambda name: len(orjson.dumps(kept[name]))))
    return packed


def _unpacked(text: object) -> Json:
    try:
        found = orjson.loads(text) if isinstance(text, str) else None
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _mark(value: object) -> str:
    """Return what tells whether a value was changed, however Slack ends its lines."""
    text = "\n".join(str(value if value is not None else "").strip().splitlines())
    return sha256(text.encode(errors="replace")).hexdigest()[:16]


def _changed(filled: Json, was: Json) -> Json:
    """Return the fields of an edit that differ from what the form began with."""
    changes: dict[str, Any] = {}
    for name in (CAPTION, SCHEDULED_AT, MEDIA):
        if name in filled and _mark(filled[name]) != was.get(name):
            changes[name] = (_media(filled[name], {}) if name == MEDIA else filled[name]) or None
    return changes


def _filled(block: object) -> Any:
    """Return the value of the one element of a block, whatever its kind; None when there is none."""
    if not isinstance(block, dict) or not block:
        return None
    element = block.get(VALUE, next(iter(block.values())))
    if not isinstance(element, dict):
        return None
    if isinstance(options := element.get("selected_options"), list):
        return [option["value"] for option in options if isinstance(option, dict) and "value" in option]
    if "selected_date_time" in element:
        return _instant(element["selected_date_time"])
    if isinstance(files := element.get("files"), list):
        return [one for one in files if isinstance(one, dict)]
    value = element.get("value")
    return value.strip() if isinstance(value, str) else None


def _instant(at: object) -> str | None:
    return datetime.fromtimestamp(at, UTC).isoformat() if isinstance(at, int) and 0 < at <= _LATEST else None


def _together(typed: Json | list[str] | None, sent: Json | None) -> Json | list[str] | None:
    """Return addresses and files as one: whether they may go together is for whoever checks the fields."""
    if typed is None or sent is None:
        return typed or sent
    if isinstance(typed, Mapping) and typed["type"] == sent["type"] == "slideshow":
        return {"type": "slideshow", "urls": [*typed["urls"], *sent["urls"]]}
    return [*_urls(typed).split(), *_urls(sent).split()]


def _media(text: object, was: Json) -> Json | list[str] | None:
    """Return the media behind addresses: of the kind that it had when they are those that the form began with."""
    urls = text.split() if isinstance(text, str) else []
    if not urls or _mark(text) != was.get(MEDIA):
        return urls or None
    if was.get(_KIND) == "video":
        return {"type": "video", "url": urls[0]}
    return {"type": "slideshow", "urls": urls} if was.get(_KIND) == "slideshow" else urls
