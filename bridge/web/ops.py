"""Probes, metrics and public keys."""

from collections.abc import Mapping

from bridge.metrics import CONTENT_TYPE
from bridge.web._call import Answer, Call, Web

_LOST = "database.ephemeral: what was acknowledged may be lost with the pod"


async def live(web: Web, call: Call) -> Answer:
    """Answer 200 while the process is of use."""
    well = web.health.live()
    return Answer.json({"status": "live" if well else "not live"}, 200 if well else 503)


async def ready(web: Web, call: Call) -> Answer:
    """Answer 200 when work may come, else 503 with each failed check and why.

    A partner whose writes are off, a database that goes with its pod, and a changed configuration that was not taken
    keep no work away: they are told, but fail nothing.
    """
    failing = dict(await web.health.ready())
    lost = _LOST if web.ephemeral else ""
    told = {"writes_off": web.writes_off, "ephemeral": lost, "config": _config(web)}
    notes = {name: note for name, note in told.items() if note}
    if failing:
        return Answer.json({"status": "not ready", "failing": failing, **notes}, 503)
    return Answer.json({"status": "ready", **notes})


def _config(web: Web) -> Mapping[str, object]:
    """Return what keeps a changed configuration from being that which runs; faults in words only apart from the public.

    They repeat what is in a file that may be anything by now.
    """
    note = web.health.config()
    return {name: value for name, value in note.items() if name != "refused"} if web.with_admin else note


async def metrics(web: Web, call: Call) -> Answer:
    """Answer all metrics as they stand."""
    return Answer(200, web.metrics.render(), CONTENT_TYPE.encode())


async def key_set(web: Web, call: Call) -> Answer:
    """Answer the public keys that verify what is sent; they change with the configuration."""
    return Answer.json(web.key_set, headers=((b"cache-control", b"public, max-age=300"),))
