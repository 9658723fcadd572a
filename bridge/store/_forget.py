"""What the objects of senders remember of posts that are deleted: whether anything of them went out."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import null, select, update
from sqlalchemy.sql import ClauseElement

from bridge.core.errors import FailureReason
from bridge.core.model import Post
from bridge.core.objects import Standing, standing
from bridge.store._rows import POSTS
from bridge.store._sql import Sql, Unit
from bridge.store._statements import Among
from bridge.store._tables import objects, posts

_GONE = "gone:"
"""Before the id of an event that nobody finds: its object stays one that was posted."""


class Forget:
    """Keeps objects right while posts go.

    An object whose event is not found counts as posted. That is wrong of one whose posts all came to nothing: it loses
    its event, and may be posted later. It is right of one of whose posts some went out, also while others are kept yet.
    """

    def __init__(self, sql: Sql) -> None:
        self._posts = sql.listed(lambda ids: select(*POSTS.columns).where(ids(posts.c.id)))
        self._left = sql.listed(lambda ids: select(posts.c.event_id).where(ids(posts.c.event_id)))
        self._clear = sql.listed(lambda ids: _events(ids, null()))
        self._mark = sql.listed(lambda ids: _events(ids, _GONE + objects.c.event_id))

    def posts(self, unit: Unit, ids: Sequence[str]) -> dict[str, Post]:
        """Return posts that are about to go."""
        return {post.id: post for post in map(POSTS.decode, self._posts.rows(unit.connection, ids))}

    def objects(self, unit: Unit, gone: Collection[Post]) -> None:
        """Note what went: the event of an object that is no more is cleared or marked."""
        events = {post.event_id for post in gone}
        if not events:
            return
        left = {row[0] for row in self._left.rows(unit.connection, events)}
        # What gave way to an earlier post of the object that went live stands for that one.
        out = {
            post.event_id
            for post in gone
            if standing(post, ()) is not Standing.VOID or post.reason is FailureReason.CONFLICT
        }
        self._clear.run(unit.connection, sorted(events - out - left))
        self._mark.run(unit.connection, sorted(out & left))


def _events(ids: Among, event_id: Any) -> ClauseElement:
    """Change the event of the objects that have one of these."""
    changed = update(objects).values(event_id=event_id, version=objects.c.version + 1)
    return changed.where(ids(objects.c.event_id))
