"""What the entries of all partners under `partners:` have in common: how a token and a base address must look."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit


def check_token(value: str) -> str:
    """Return a bearer token as it is.

    Raises:
        ValueError: it is not one printable ASCII word; the message does not show it.
    """
    if not value or not value.isascii() or not value.isprintable() or " " in value:
        raise ValueError("must be one printable ASCII word, as the dashboard shows it")
    return value


def check_base_url(value: str) -> str:
    """Return the address of an API without a slash at its end.

    Raises:
        ValueError: it is not http(s), or has a user, a query or a fragment.
    """
    parts = urlsplit(value)
    if parts.scheme not in ("https", "http") or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise ValueError("must be an http(s) address without user, query and fragment")
    return value.rstrip("/")


def check_fields(config: object, **checks: Callable[[Any], object]) -> None:
    """Put the fields of a frozen dataclass through their checks: what was not made by pydantic is checked, too.

    Raises:
        ValueError: a field cannot be right; the message names it.
    """
    for name, check in checks.items():
        try:
            object.__setattr__(config, name, check(getattr(config, name)))
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
