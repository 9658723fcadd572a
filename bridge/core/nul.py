"""The one character that JSON may say and that a database may not keep as text (PostgreSQL: U+0000)."""

import re

INSTEAD = "\ufffd"
"""What stands in its place: the sign for a character that could not be shown."""

_SAID = b"\\u0000"
# A backslash that is itself escaped begins no escape.
_ESCAPE = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")


def without_nul(body: bytes) -> bytes:
    """Return JSON in which no text has U+0000; every other character stays where it is.

    What came in is stored as it came: this is for what is read of it.
    """
    return _ESCAPE.sub(rb"\1\\ufffd", body) if _SAID in body else body
