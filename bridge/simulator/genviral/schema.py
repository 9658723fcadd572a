"""What a request body must look like before anything is looked up: each fault is `422 invalid_payload` with `issues`.

Field tables: https://docs.genviral.io/api-reference (create-post, update-post, retry-posts, delete-post), read
2026-05. The shape of one issue is not published; `{"path", "message"}` is a guess. So is the refusal of unknown
fields inside a block.
"""

from collections.abc import Callable, Iterator
from typing import Any

from bridge.simulator.genviral.model import Contract, Json, Refusal
from bridge.simulator.instants import read_time

Check = Callable[[Any], str | None]
Fields = dict[str, Check]


def text(maximum: int | None = None) -> Check:
    """Make a check for a string of at most `maximum` characters."""

    def check(value: Any) -> str | None:
        if not isinstance(value, str):
            return "Expected string"
        return f"String must contain at most {maximum} character(s)" if maximum and len(value) > maximum else None

    return check


def one_of(*words: str) -> Check:
    """Make a check for one of the given words."""
    return lambda value: None if value in words else f"Expected one of {', '.join(words)}"


def kind(of: type, name: str) -> Check:
    """Make a check for a JSON type; true and false are no numbers."""
    return lambda value: (
        None if isinstance(value, of) and (of is bool or value not in (True, False)) else f"Expected {name}"
    )


def _or_null(check: Check) -> Check:
    return lambda value: None if value is None else check(value)


def _tags(value: Any) -> str | None:
    if not isinstance(value, list) or len(value) > 30:
        return "Expected at most 30 tags"
    return None if all(isinstance(tag, str) and 1 <= len(tag) <= 100 for tag in value) else "A tag has 1-100 characters"


def _http_url(value: Any) -> bool:
    return isinstance(value, str) and value.startswith(("https://", "http://"))


def _media(value: Any) -> str | None:
    if not isinstance(value, dict) or value.get("type") not in ("video", "slideshow"):
        return "Expected a media object of type video or slideshow"
    if value["type"] == "video":
        return None if _http_url(value.get("url")) else "url: expected a URL"
    urls = value.get("urls")
    if not isinstance(urls, list) or not 1 <= len(urls) <= 35:
        return "urls: expected 1-35 URLs"
    return None if all(map(_http_url, urls)) else "urls: expected URLs"


def _accounts(value: Any) -> str | None:
    if not isinstance(value, list) or not 1 <= len(value) <= 10:
        return "Expected 1-10 accounts"
    good = all(isinstance(item, dict) and isinstance(item.get("id"), str) for item in value)
    return None if good else "Expected objects with an id"


def _time(value: Any) -> str | None:
    return None if read_time(value) else "Expected ISO 8601 datetime with offset"


_flag = kind(bool, "boolean")
_object = kind(dict, "object")
_list = kind(list, "array")

TIKTOK: Fields = {
    "title": text(2200),
    "description": text(4000),
    "post_mode": one_of("DIRECT_POST", "MEDIA_UPLOAD"),
    "privacy_level": one_of("PUBLIC_TO_EVERYONE", "MUTUAL_FOLLOW_FRIENDS", "FOLLOWER_OF_CREATOR", "SELF_ONLY"),
    "disable_comment": _flag,
    "disable_duet": _flag,
    "disable_stitch": _flag,
    "auto_add_music": _flag,
    "is_your_brand": _flag,
    "is_branded_content": _flag,
    "user_consent": _flag,
    "is_commercial": _flag,
    "video_cover_timestamp_ms": kind(int, "integer"),
}
PINTEREST: Fields = {"board_id": text(128), "title": text(100), "link": text(2048), "tags": _tags}
_X: Fields = {
    "who_can_reply_post": one_of("everyone", "following", "mentionedUsers", "subscribers", "verified"),
    "community": text(),
    "made_with_ai": _flag,
    "paid_partnership": _flag,
}
_INSTAGRAM: Fields = {
    "post_type": one_of("post", "story"),
    "is_trial_reel": _flag,
    "graduation_strategy": one_of("MANUAL", "SS_PERFORMANCE"),
    "collaborators": _list,
    "cover_url": text(),
    "thumb_offset_ms": kind(int, "integer"),
    "share_to_feed": _flag,
}
_LINKEDIN: Fields = {"post_as_images_carousel": _flag, "carousel_name": text()}
_YOUTUBE: Fields = {
    "title": text(100),
    "description": text(),
    "type": one_of("public", "private", "unlisted"),
    "privacy": one_of("public", "private", "unlisted"),
    "tags": _list,
    "categoryId": text(),
    "selfDeclaredMadeForKids": one_of("yes", "no"),
    "thumbnail": _object,
}
SETTINGS: dict[str, Fields] = {
    "youtube": _YOUTUBE,
    "x": _X,
    "twitter": _X,
    "instagram": _INSTAGRAM,
    "instagram-standalone": _INSTAGRAM,
    "facebook": {"url": text()},
    "linkedin": _LINKEDIN,
    "linkedin-page": _LINKEDIN,
    "reddit": {"subreddit": _list},
    "threads": {},
    "bluesky": {},
}

_V1: Fields = {
    "caption": text(),
    "accounts": _accounts,
    "media": _media,
    "scheduled_at": _or_null(_time),
    "external_id": text(),
    "music_url": _or_null(text()),
}
_V3: Fields = _V1 | {
    "media": _or_null(_media),
    "external_id": text(128),
    "tiktok": _or_null(_object),
    "pinterest": _or_null(_object),
    "settings": _object,
}
_REQUIRED = {Contract.V1: ("caption", "accounts", "media"), Contract.V3: ("caption", "accounts")}


def check_create(body: Json, contract: Contract) -> None:
    """Refuse a create body that breaks the schema of its contract."""
    missing = [_issue(name, "Required") for name in _REQUIRED[contract] if name not in body]
    _refuse_if(missing + list(_post_issues(body, contract)))


def check_update(body: Json, contract: Contract) -> None:
    """Refuse an update body that is empty or breaks the schema; v1 knows no way to clear media."""
    _refuse_if([] if body else [_issue("", "At least one field is required")])
    _refuse_if(list(_post_issues(body, contract)))


def check_ids(body: Json, *, names: tuple[str, ...], maximum: int | None) -> list[str]:
    """Read the post ids under the first of `names` that is there; refuse none, too many, and anything but strings."""
    name = next((name for name in names if name in body), names[0])
    ids = body.get(name)
    good = isinstance(ids, list) and len(ids) >= 1 and all(isinstance(one, str) and one for one in ids)
    _refuse_if([] if good else [_issue(name, "Expected a non-empty array of post ids")])
    assert isinstance(ids, list)
    _refuse_if([_issue(name, f"At most {maximum} post ids")] if maximum and len(ids) > maximum else [])
    return list(dict.fromkeys(ids))


def check_account_filter(body: Json) -> list[str] | None:
    """Read the optional `account_ids` of a retry: 1-10 strings if the key is there at all."""
    if "account_ids" not in body:
        return None
    ids = body["account_ids"]
    good = isinstance(ids, list) and 1 <= len(ids) <= 10 and all(isinstance(one, str) for one in ids)
    _refuse_if([] if good else [_issue("account_ids", "Expected 1-10 account ids")])
    return list(ids)


def _post_issues(body: Json, contract: Contract) -> Iterator[Json]:
    yield from _field_issues("", body, _V1 if contract == Contract.V1 else _V3)
    if contract == Contract.V1:
        return
    yield from _field_issues("tiktok.", body.get("tiktok"), TIKTOK)
    yield from _field_issues("pinterest.", body.get("pinterest"), PINTEREST)
    settings = body.get("settings")
    for provider, block in (settings if isinstance(settings, dict) else {}).items():
        if provider not in SETTINGS or not isinstance(block, dict):
            yield _issue(f"settings.{provider}", "Unknown provider or not an object")
        else:
            yield from _field_issues(f"settings.{provider}.", block, SETTINGS[provider])


def _field_issues(prefix: str, block: Any, fields: Fields) -> Iterator[Json]:
    for name, value in (block if isinstance(block, dict) else {}).items():
        complaint = fields[name](value) if name in fields else "Unrecognized key"
        if complaint:
            yield _issue(prefix + name, complaint)


def _issue(path: str, message: str) -> Json:
    return {"path": path, "message": message}


def _refuse_if(issues: list[Json]) -> None:
    if issues:
        raise Refusal(422, "invalid_payload", "Request body failed validation", issues=issues)
