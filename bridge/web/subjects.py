"""Subjects over HTTP: erasing what a post or an event said."""

from bridge.flows.erase import erase
from bridge.web._call import Answer, Call, Web


async def erase_subject(web: Web, call: Call) -> Answer:
    """Erase the payloads of a post or an event, and answer how many rows of each table that was."""
    asked = call.param("id")
    return Answer.json({"id": asked, "erased": await erase(web.ingest.kit, asked, call.caller)})
