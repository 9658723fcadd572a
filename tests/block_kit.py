"""Holds messages and forms against the limits of Slack's Block Kit, and finds what in them is not ours.

Slack's own models (`slack_sdk.models`) are asked, too.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import orjson
from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View

_OURS = re.compile(
    r"<https?://[^|<>\s]+\|[^<>]*>|<!date\^\d+\^\{date_short_pretty} \{time}\|[\d :-]+ UTC>|<@[UW][A-Z0-9]+>|(?m:^> )"
)
"""What may stand in angle brackets in a message, and the sign of a quotation."""

_MOST = 13_000
_KEYS = {"text", "blocks", "unfurl_links", "unfurl_media"}


def texts(message: Any) -> list[str]:
    """Return what the blocks of a message say."""
    return [block["text"]["text"] for block in message["blocks"] if "text" in block]


def pressed(blocks: Sequence[Any]) -> list[str]:
    """Return the actions of the buttons in some blocks, in order."""
    return [one["action_id"] for block in blocks if block["type"] == "actions" for one in block["elements"]]


def block_faults(message: Any) -> list[str]:
    """Say what Slack would refuse of the body for an incoming webhook, and which of its marks could be forged."""
    try:
        keys = [f"slack: keys {sorted(message)}"] if message.keys() != _KEYS else []
        return [*keys, *content_faults(message["text"], message["blocks"])]
    except (KeyError, TypeError, AttributeError) as error:
        return [f"slack: {type(error).__name__} {error}"]


def content_faults(text: str, blocks: Sequence[Any]) -> list[str]:
    """Say what Slack would refuse of a message's text and blocks, and which of their marks could be forged."""
    try:
        return [*_message_faults(text, blocks), *_model_faults(blocks)]
    except (KeyError, TypeError, AttributeError) as error:
        return [f"slack: {type(error).__name__} {error}"]


def view_faults(view: Any) -> list[str]:
    """Say what Slack would refuse of a form."""
    try:
        return [*_view_faults(view), *_model_faults(view["blocks"])]
    except (KeyError, TypeError, AttributeError) as error:
        return [f"slack: {type(error).__name__} {error}"]


def error_faults(answer: Any, view: Any) -> list[str]:
    """Say what Slack would refuse of the answer that shows faults in a form: each below an input that is there."""
    inputs = {block["block_id"] for block in view["blocks"] if block["type"] == "input"}
    found = [f"slack: no input {name}" for name in answer["errors"] if name not in inputs]
    found += [f"slack: an error of {len(text)}" for text in answer["errors"].values() if not 0 < len(text) <= 150]
    return found + ([] if answer["response_action"] == "errors" and answer["errors"] else [f"slack: {answer}"])


def _message_faults(text: str, blocks: Sequence[Any]) -> Iterator[str]:
    if not 0 < len(text) <= 1_000:
        yield f"slack: a text of {len(text)} characters"
    if not 1 <= len(blocks) <= 50 or len(orjson.dumps(blocks).decode()) > _MOST:
        yield f"slack: {len(blocks)} blocks of {len(orjson.dumps(blocks).decode())} characters"
    yield from _names(blocks)
    yield from _marks(text)
    for block in blocks:
        yield from _MESSAGE_BLOCKS[block["type"]](block)


def _view_faults(view: Mapping[str, Any]) -> Iterator[str]:
    known = {"type", "callback_id", "title", "submit", "close", "private_metadata", "blocks"}
    if view.keys() != known or view["type"] != "modal" or not 0 < len(view["callback_id"]) <= 255:
        yield f"slack: a form with {sorted(view)}"
    for name in ("title", "submit", "close"):
        yield from _plain(view[name], 24)
    if len(view["private_metadata"]) > 3_000:
        yield f"slack: metadata of {len(view['private_metadata'])} characters"
    if not 1 <= len(view["blocks"]) <= 100 or len(orjson.dumps(view)) > 250_000:
        yield f"slack: {len(view['blocks'])} blocks"
    yield from _names(view["blocks"])
    for block in view["blocks"]:
        yield from _VIEW_BLOCKS[block["type"]](block)
    try:
        View(**view).validate_json()
    except SlackObjectFormationError as error:
        yield f"slack_sdk: {error}"


def _model_faults(blocks: Sequence[Any]) -> Iterator[str]:
    """Give what Slack's own models refuse; one that they do not know is a fault, too."""
    for block in blocks:
        parsed = Block.parse(block)
        try:
            if parsed is None or parsed.to_dict()["type"] != block["type"]:
                yield f"slack_sdk: does not know {block}"
        except SlackObjectFormationError as error:
            yield f"slack_sdk: {error} in {block['type']}"


def _names(blocks: Sequence[Any]) -> Iterator[str]:
    names = [block["block_id"] for block in blocks if "block_id" in block]
    if len(set(names)) < len(names) or not all(0 < len(name) <= 255 for name in names):
        yield f"slack: block ids {names}"


def _marks(text: str) -> Iterator[str]:
    if re.search(r"[<>]|&(?!amp;|lt;|gt;)", _OURS.sub("", text)):
        yield f"slack: a mark that is not ours in {text!r}"


def _plain(text: Mapping[str, Any], most: int) -> Iterator[str]:
    if text["type"] != "plain_text" or not 0 < len(text["text"]) <= most:
        yield f"slack: plain text of {len(text['text'])} characters, at most {most}: {text}"


def _mrkdwn(text: Mapping[str, Any]) -> Iterator[str]:
    if not 0 < len(text["text"]) <= 3_000:
        yield f"slack: text of {len(text['text'])} characters"
    if text.keys() != {"type", "text", "verbatim"} or text["type"] != "mrkdwn" or text["verbatim"] is not True:
        yield f"slack: not verbatim: {text}"
    yield from _marks(text["text"])


def _header(block: Any) -> Iterator[str]:
    yield from _plain(block["text"], 150)
    yield from _marks(block["text"]["text"])


def _section(block: Any) -> Iterator[str]:
    yield from _mrkdwn(block["text"])


def _context(block: Any) -> Iterator[str]:
    if not 1 <= len(block["elements"]) <= 10:
        yield f"slack: {len(block['elements'])} in a context"
    for element in block["elements"]:
        yield from _plain(element, 3_000) if element["type"] == "plain_text" else _mrkdwn(element)


def _actions(block: Any) -> Iterator[str]:
    if not 1 <= len(block["elements"]) <= 25 or len(set(pressed([block]))) < len(block["elements"]):
        yield f"slack: actions {pressed([block])}"
    for button in block["elements"]:
        if button["type"] != "button" or not 0 < len(button["action_id"]) <= 255 or len(button["value"]) > 2_000:
            yield f"slack: button {button}"
        if button.get("style", "primary") not in ("primary", "danger"):
            yield f"slack: style {button['style']}"
        yield from _plain(button["text"], 75)
        for name, most in (("title", 100), ("text", 300), ("confirm", 30), ("deny", 30)):
            yield from _plain(button["confirm"][name], most) if "confirm" in button else ()


def _image(block: Any) -> Iterator[str]:
    if not 0 < len(block["alt_text"]) <= 2_000 or not re.fullmatch(r"https://[^\s?#@]{1,3000}", block["image_url"]):
        yield f"slack: image {block}"


def _input(block: Any) -> Iterator[str]:
    element = block["element"]
    yield from _plain(block["label"], 2_000)
    yield from _plain(block["hint"], 2_000) if "hint" in block else ()
    if not 0 < len(element["action_id"]) <= 255:
        yield f"slack: action id {element['action_id']}"
    yield from _ELEMENTS[element["type"]](element)


def _written(element: Any) -> Iterator[str]:
    if len(element.get("initial_value", "x")) not in range(1, element.get("max_length", 3_000) + 1):
        yield f"slack: an initial value of {len(element['initial_value'])} characters"


def _chosen(element: Any) -> Iterator[str]:
    options = element["options"]
    if not 1 <= len(options) <= 100 or len({one["value"] for one in options}) < len(options):
        yield f"slack: {len(options)} options"
    if "initial_options" in element and not element["initial_options"]:
        yield "slack: no initial options"
    for one in options:
        yield from _plain(one["text"], 75)
        if not 0 < len(one["value"]) <= 150:
            yield f"slack: a value of {len(one['value'])} characters"
    yield from (f"slack: {one} is no option" for one in element.get("initial_options", ()) if one not in options)


def _dated(element: Any) -> Iterator[str]:
    if not 0 <= element.get("initial_date_time", 0) <= 9_999_999_999:
        yield f"slack: date {element}"


def _uploaded(element: Any) -> Iterator[str]:
    if not 1 <= element["max_files"] <= 10 or not element["filetypes"]:
        yield f"slack: files {element}"


_MESSAGE_BLOCKS: Mapping[str, Callable[[Any], Iterator[str]]] = {
    "header": _header, "section": _section, "context": _context, "actions": _actions, "image": _image,
}  # fmt: skip
_VIEW_BLOCKS: Mapping[str, Callable[[Any], Iterator[str]]] = {"context": _context, "input": _input}
_ELEMENTS: Mapping[str, Callable[[Any], Iterator[str]]] = {
    "plain_text_input": _written, "url_text_input": _written, "multi_static_select": _chosen,
    "datetimepicker": _dated, "file_input": _uploaded,
}  # fmt: skip
