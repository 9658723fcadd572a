"""Replays over HTTP: jobs that tell again what was told, and how far they are."""

from collections.abc import Sequence

from bridge.core.model import Replay, WorkState
from bridge.flows.replay import no_such_replay
from bridge.web._call import Answer, Call, Web
from bridge.web._pages import page
from bridge.web._query import PAGE, Query
from bridge.web._shapes import Shape, listed
from bridge.web._sight import refuse_bound

RUNNING, DONE, STOPPED = "running", "done", "stopped"
_STATES = {WorkState.DUE: RUNNING, WorkState.DONE: DONE, WorkState.DEAD: STOPPED}
_FILTERS = {"destination": "endpoint"}
"""Our words for a filter -> those of the API, where they differ."""


async def replay_delivery(web: Web, call: Call) -> Answer:
    """Send one settled delivery again."""
    refuse_bound(call.allowed)
    await web.replayer.one(call.param("id"))
    return Answer.json({"replayed": 1}, 202)


async def replay_deliveries(web: Web, call: Call) -> Answer:
    """Begin to send what a filter finds, or what an endpoint missed, and answer the job and where to look at it."""
    refuse_bound(call.allowed)
    job = await web.replayer.start(await call.fields(), call.caller.name)
    return Answer.json(replay_shape(job), 202, ((b"location", f"/v1/replays/{job.id}".encode()),))


async def list_replays(web: Web, call: Call) -> Answer:
    """Answer a page of jobs, newest first."""
    query = Query(call.query, ("state", *PAGE))
    word = query.word("state", tuple(_STATES.values()))
    find = query.find(state=next((str(state) for state, name in _STATES.items() if name == word), None))

    async def visible(jobs: Sequence[Replay]) -> list[Replay]:
        return [job for job in jobs if _is_for(call, job)]

    jobs, after = await page(web.store.replays, find, visible if call.allowed else None)
    return Answer.json(listed([replay_shape(job) for job in jobs], after))


async def get_replay(web: Web, call: Call) -> Answer:
    """Answer how far a job is."""
    job = await web.replayer.find(call.param("id"))
    if not _is_for(call, job):
        raise no_such_replay(job.id)
    return Answer.json(replay_shape(job))


async def stop_replay(web: Web, call: Call) -> Answer:
    """End a job; what it made due is sent all the same."""
    refuse_bound(call.allowed)
    return Answer.json(replay_shape(await web.replayer.stop(call.param("id"), call.caller.name)))


def replay_shape(job: Replay) -> Shape:
    """A job; `total` is what there was to send when it began, at most 100,000, and `sent` what it made due so far.

    `skipped` are those that it left out because their endpoint may not be told of them any more.
    """
    find = {_FILTERS.get(name, name): value for name, value in job.find.items()}
    if job.missed:
        find["missed_since"] = find.pop("since")
    return {
        "id": job.id,
        "state": _STATES[job.state],
        "filter": find,
        "total": job.total,
        "sent": job.sent,
        "skipped": job.skipped,
        "detail": job.detail or None,
        "by": job.owner,
        "created_at": job.created_at,
        "ended_at": job.settled_at,
    }


def _is_for(call: Call, job: Replay) -> bool:
    """Say whether a caller may see a job: a token for some accounts sees its own."""
    return not call.allowed or job.owner == call.caller.name
