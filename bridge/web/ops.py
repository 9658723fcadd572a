"""Probes, metrics and public keys."""

from bridge.metrics import CONTENT_TYPE
from bridge.web._call import Answer, Call, Web


async def live(web: Web, call: Call) -> Answer:
    """Answer 200 while the process is of use."""
    well = web.health.live()
    return Answer.json({"status": "live" if well else "not live"}, 200 if well else 503)


async def ready(web: Web, call: Call) -> Answer:
    """Answer 200 when work may come, else 503 with each failed check and why.

    A partner whose writes are off keeps no work away, so it is named but fails nothing.
    """
    failing = dict(await web.health.ready())
    off = {"writes_off": web.writes_off} if web.writes_off else {}
    if failing:
        return Answer.json({"status": "not ready", "failing": failing, **off}, 503)
    return Answer.json({"status": "ready", **off})


async def metrics(web: Web, call: Call) -> Answer:
    """Answer all metrics as they stand."""
    return Answer(200, web.metrics.render(), CONTENT_TYPE.encode())


async def key_set(web: Web, call: Call) -> Answer:
    """Answer the public keys that verify what is sent; they change only with a restart."""
    return Answer.json(web.key_set, headers=((b"cache-control", b"public, max-age=300"),))
