"""The part of the store that is about people: who is signed in, who asked for what, and what the console draws."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from bridge.core.auditing import Note
from bridge.core.queries import Find
from bridge.core.sessions import Session
from bridge.core.tallies import Tally


class Desk(Protocol):
    """Sessions, the audit log and the tallies; each method fails as those of `Store` do."""

    async def begin_session(self, session: Session) -> None:
        """Store a new session."""
        ...

    async def session(self, id: str, now: datetime) -> Session | None:  # noqa: A002  # The name of the noun's field.
        """Return a session that is not over."""
        ...

    async def end_session(self, id: str) -> None:  # noqa: A002  # The name of the noun's field.
        """Forget a session, if there is one."""
        ...

    async def note(self, note: Note) -> None:
        """Store a note: it is durable when this returns."""
        ...

    async def end_note(self, id: str, outcome: int, subject: str = "") -> None:  # noqa: A002  # As the noun's field.
        """Say what came of it, and what it was about where that was not known before."""
        ...

    async def notes(self, find: Find) -> list[Note]:
        """Notes, newest first; `token`, `action`, `subject`, `since` and `until` filter."""
        ...

    async def newest(self) -> dict[str, str]:
        """The id of each source's newest event, as far as that is among the newest 10,000 of all."""
        ...

    async def tally(self, tallies: Sequence[Tally]) -> None:
        """Add to what is stored, whichever process stored that."""
        ...

    async def tallied(self, since: datetime) -> list[Tally]:
        """Tallies of the minutes that begin at an instant or later, oldest first."""
        ...
