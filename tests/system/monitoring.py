"""Prometheus and Alertmanager as processes, and the scrapes that the Prometheus operator makes of its monitors."""

import asyncio
import contextlib
import re
import signal
import socket
import subprocess
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import yaml

Tree = dict[str, Any]

_META = "__meta_kubernetes_"
_READY_S = 15.0
_CAMEL = re.compile("[A-Z]")


def scrape_of(
    monitor: Mapping[str, Any], address: str, *, pod: str = "bridge-0", service: str = "bridge-admin"
) -> Tree:
    """Return the job that the operator makes of a monitor, with one pod of the monitor's own namespace to read.

    What is found out about the pod, which in a cluster is Kubernetes' to say, stands there as if it had been; then come
    the operator's relabelings (https://github.com/prometheus-operator/prometheus-operator, pkg/prometheus/promcfg.go,
    read 2026-11), and last those of the monitor.
    """
    metadata, spec = monitor["metadata"], monitor["spec"]
    of_pods = monitor["kind"] == "PodMonitor"
    [endpoint] = spec["podMetricsEndpoints" if of_pods else "endpoints"]
    found = {"namespace": metadata["namespace"], "pod_name": pod, "pod_container_name": "bridge"}
    if not of_pods:
        found["service_name"] = service
    job = f"{metadata['namespace']}/{metadata['name']}" if of_pods else service
    set_first = {
        **{label: (f"{_META}{source}", "$1") for label, source in _FOUND.items() if source in found},
        "job": ("", job),
        "endpoint": ("", endpoint["port"]),
    }
    return {
        "job_name": f"{monitor['kind'].lower()}/{metadata['namespace']}/{metadata['name']}/0",
        "honor_labels": endpoint.get("honorLabels", False),
        "scrape_interval": endpoint["interval"],
        "scrape_timeout": endpoint["scrapeTimeout"],
        "metrics_path": endpoint["path"],
        "sample_limit": spec.get("sampleLimit", 0),
        "static_configs": [
            {"targets": [address], "labels": {f"{_META}{name}": value for name, value in found.items()}}
        ],
        "relabel_configs": [
            *(_set(label, source, value) for label, (source, value) in set_first.items()),
            *map(_snake, endpoint.get("relabelings", ())),
        ],
        "metric_relabel_configs": list(map(_snake, endpoint.get("metricRelabelings", ()))),
    }


_FOUND = {
    "namespace": "namespace",
    "service": "service_name",
    "pod": "pod_name",
    "container": "pod_container_name",
}
"""The labels that the operator sets -> what Kubernetes says, without its prefix."""


def _set(label: str, source: str, value: str) -> Tree:
    return {"target_label": label, "replacement": value, **({"source_labels": [source]} if source else {})}


def _snake(relabeling: Mapping[str, Any]) -> Tree:
    """Write a relabeling as Prometheus does, which is with other names of the same fields."""
    return {_CAMEL.sub(lambda found: f"_{found[0].lower()}", name): value for name, value in relabeling.items()}


def labels_of(job: Tree, folder: Path) -> Tree:
    """Return the labels of a job's target, as Prometheus itself finds them."""
    config = folder / "prometheus.yml"
    config.write_text(yaml.safe_dump({"scrape_configs": [job]}))
    # It looks for targets until its time is over, though there is nothing more to come.
    command = ["promtool", "check", "service-discovery", "--timeout=200ms", str(config), job["job_name"]]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 0, done.stderr
    [target] = yaml.safe_load(done.stdout)
    return dict(target["labels"])


def free_port() -> int:
    """Return a port that nobody listens on at this moment."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextlib.asynccontextmanager
async def running(url: str, log: Path, *command: str) -> AsyncIterator[str]:
    """Run a program until it is ready to be asked at `url`, which is given; it is ended on leaving."""
    with log.open("wb") as file:
        process = await asyncio.create_subprocess_exec(*command, stdout=file, stderr=file)
    try:
        async with httpx.AsyncClient(trust_env=False) as http, asyncio.timeout(_READY_S):
            while not await _ready(http, url):
                assert process.returncode is None, f"{command[0]} ended; see {log}"
                await asyncio.sleep(0.05)
        yield url
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), _READY_S)
        except TimeoutError:
            process.kill()
            await process.wait()


async def _ready(http: httpx.AsyncClient, url: str) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return (await http.get(f"{url}/-/ready")).is_success
    return False


def alertmanager(folder: Path, hook: str) -> contextlib.AbstractAsyncContextManager[str]:
    """Run an Alertmanager that tells a webhook of everything at once; it gives its own address."""
    port, config = free_port(), folder / "alertmanager.yml"
    together = {"group_wait": "0s", "group_interval": "1s", "repeat_interval": "1h"}
    route = {"receiver": "hook", "group_by": ["alertname", "partner", "platform"], **together}
    receivers = [{"name": "hook", "webhook_configs": [{"url": hook, "send_resolved": True}]}]
    config.write_text(yaml.safe_dump({"route": route, "receivers": receivers}))
    return running(
        f"http://127.0.0.1:{port}",
        folder / "alertmanager.log",
        "prometheus-alertmanager",
        f"--config.file={config}",
        f"--storage.path={folder / 'alertmanager'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",  # Else it looks for others like it.
        "--log.level=warn",
    )


def prometheus(
    folder: Path, jobs: Sequence[Tree], groups: Sequence[Tree], alerts_to: str
) -> contextlib.AbstractAsyncContextManager[str]:
    """Run a Prometheus with these jobs and rules, which looks at the rules each second; it gives its own address."""
    port, config = free_port(), folder / "prometheus.yml"
    (folder / "rules.yml").write_text(yaml.safe_dump({"groups": list(groups)}))
    to = {"static_configs": [{"targets": [alerts_to.removeprefix("http://")]}]}
    tree = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "scrape_configs": list(jobs),
        "rule_files": ["rules.yml"],
        "alerting": {"alertmanagers": [to]},
    }
    config.write_text(yaml.safe_dump(tree))
    return running(
        f"http://127.0.0.1:{port}",
        folder / "prometheus.log",
        "prometheus",
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'prometheus'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=warn",
    )


class Asked:
    """What a Prometheus answers."""

    def __init__(self, http: httpx.AsyncClient, url: str) -> None:
        self._http, self._url = http, url

    async def query(self, expression: str) -> list[Tree]:
        """Return the series that an expression gives now: each with its labels, `metric`, and `value`."""
        answer = await self._http.get(f"{self._url}/api/v1/query", params={"query": expression})
        told = answer.json()
        assert told["status"] == "success", f"{expression}: {told.get('error')}"
        return list(told["data"]["result"])

    async def targets(self) -> list[Tree]:
        """Return what is read."""
        told = (await self._http.get(f"{self._url}/api/v1/targets")).json()
        return list(told["data"]["activeTargets"])
