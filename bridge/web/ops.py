"""Probes and metrics."""

from bridge.metrics import CONTENT_TYPE
from bridge.web._call import Answer, Call, Web


async def live(web: Web, call: Call) -> Answer:
    """Answer 200 while the process is of use."""
    well = web.health.live()
    return Answer.json({"status": "live" if well else "not live"}, 200 if well else 503)


async def ready(web: Web, call: Call) -> Answer:
    """Answer 200 when work may come, else 503 with each failed check and why."""
    failing = dict(await web.health.ready())
    if failing:
        return Answer.json({"status": "not ready", "failing": failing}, 503)
    return Answer.json({"status": "ready"})


async def metrics(web: Web, call: Call) -> Answer:
    """Answer all metrics as they stand."""
    return Answer(200, web.metrics.render(), CONTENT_TYPE.encode())
