"""The audit log over HTTP: who asked for which change, and what came of it."""

from collections.abc import Sequence

from bridge.core.auditing import Note
from bridge.web._call import Answer, Call, Web
from bridge.web._pages import page
from bridge.web._query import PAGE, Query
from bridge.web._shapes import Shape, listed

FILTERS = ("token", "action", "subject")


async def list_audit(web: Web, call: Call) -> Answer:
    """Answer a page of notes, newest first; a caller of some accounts sees its own."""
    query = Query(call.query, (*FILTERS, *PAGE))
    find = query.find(token=query.text("token"), action=query.text("action"), subject=query.text("subject"))
    own = call.caller.name if call.allowed else None

    async def visible(notes: Sequence[Note]) -> list[Note]:
        return [note for note in notes if note.token == own and note.via != "slack"]

    notes, after = await page(web.store.desk.notes, find, visible if own else None)
    return Answer.json(listed([note_shape(note) for note in notes], after))


def note_shape(note: Note) -> Shape:
    """A note; `outcome` is a status of HTTP, null where it is not known how it ended."""
    return {
        "id": note.id,
        "at": note.at,
        "token": note.token,
        "via": note.via,
        "action": note.action,
        "subject": note.subject or None,
        "outcome": note.outcome,
        "detail": note.detail,
    }
