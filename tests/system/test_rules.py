"""The alerts, judged by promtool: as they stand in the file, and as the chart renders them; and their routes."""

import asyncio
import json
import subprocess
from datetime import UTC, datetime
from itertools import groupby
from operator import itemgetter

import httpx
import pytest
from prometheus_client import CollectorRegistry

from bridge.metrics import Metrics
from tests.rules import FILES, NAMESPACES, THRESHOLD, alerts, cases, groups, unit_tests
from tests.system.chart import Refused, only, render
from tests.system.monitoring import free_port, running

ROUTES = FILES / "alertmanager.example.yaml"
EVERYTHING = {
    "monitoring": {"job": "other"},
    "prometheusRule": {
        "enabled": True,
        "labels": {"release": "monitoring"},
        "ruleLabels": {"team": "social"},
        "runbookUrl": "https://docs.example.com/runbooks/",
        "groups": [{"name": "own", "rules": [{"record": "job:up:sum", "expr": "sum by (job) (up)"}]}],
    },
}


def run(*command, expect=0):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == expect, done.stdout + done.stderr
    return done.stdout


def judged(folder, made, *, job="bridge", release=None):
    """Let promtool check some groups, and try every case of their alerts; return how many there are."""
    (folder / "rules.json").write_text(json.dumps({"groups": made}))
    run("promtool", "check", "rules", "--lint=all", "--lint-fatal", folder / "rules.json")
    tried, files = 0, []
    for group in made[1:]:
        # With what is recorded, which comes first, and without the others: each is evaluated each minute.
        rules = folder / f"{group['name']}.json"
        rules.write_text(json.dumps({"groups": [made[0], group]}))
        order = [made[0]["name"], group["name"]]
        tests = sorted(unit_tests(alerts([group]), job=job, release=release), key=itemgetter("interval"))
        for every, some in groupby(tests, itemgetter("interval")):
            shared = {"rule_files": [rules.name], "evaluation_interval": every, "group_eval_order": order}
            files.append(folder / f"tests-{group['name']}-{every}.json")
            files[-1].write_text(json.dumps(shared | {"tests": list(some)}))
        tried += len(tests)
    run("promtool", "test", "rules", *files)
    return tried


def rendered(**values):
    return only(render({"prometheusRule": {"enabled": True, **values}}), "PrometheusRule")["spec"]["groups"]


def test_the_rules_do_what_their_cases_say_as_they_stand(tmp_path):
    run("promtool", "check", "rules", "--lint=all", "--lint-fatal", FILES / "rules.yaml")
    assert judged(tmp_path, groups()) == sum(map(len, cases().values()))


def test_the_rendered_rules_do_the_same_for_another_job(tmp_path):
    made = only(render(EVERYTHING), "PrometheusRule")["spec"]["groups"]
    assert judged(tmp_path, made, job="other", release=NAMESPACES[0]) == sum(map(len, cases().values()))
    assert 'job="bridge"' not in json.dumps(made)
    for name, rule in alerts(made).items():
        assert rule["annotations"]["runbook_url"] == f"https://docs.example.com/runbooks/{name}.md"
        assert rule["labels"]["team"] == "social"
    assert made[-1] == EVERYTHING["prometheusRule"]["groups"][0]


def of_the_file(made):
    """Return rendered groups as the file has them, which asks for targets in any namespace."""
    return json.loads(json.dumps(made).replace(',namespace=\\"social\\"', ""))


def test_without_values_the_rendered_rules_are_those_of_the_file():
    assert of_the_file(rendered()) == groups()


SAID = {"summary": "It is gone."}
SIDECAR = {"mode": "sidecar", "prometheusRule": {"enabled": True}}


@pytest.mark.parametrize(
    ("namespaces", "missed"),
    [([], ["social"]), (["shop", "blog"], ["shop", "blog"]), (["production", "shop"], ["shop"]), (["*"], [])],
)
def test_a_release_without_a_target_is_missed_though_another_one_has_its_job(namespaces, missed, tmp_path):
    made = render({**SIDECAR, "podMonitor": {"enabled": True, "namespaces": namespaces}})
    rule = alerts(only(made, "PrometheusRule")["spec"]["groups"])["BridgeAbsent"]
    labels = {**rule["labels"], "job": "bridge"}
    fires = [{"exp_labels": labels | {"namespace": name}, "exp_annotations": SAID} for name in missed]
    tried = {
        "interval": "1m",
        "input_series": [{"series": 'up{job="bridge",namespace="production"}', "values": "1x20"}],
        "alert_rule_test": [{"eval_time": "6m", "alertname": "BridgeAbsent", "exp_alerts": fires}],
    }
    (tmp_path / "rules.json").write_text(
        json.dumps({"groups": [{"name": "one", "rules": [{**rule, "annotations": SAID}]}]})
    )
    (tmp_path / "tests.json").write_text(json.dumps({"rule_files": ["rules.json"], "tests": [tried]}))
    run("promtool", "test", "rules", tmp_path / "tests.json")


def test_rules_are_made_only_where_they_are_wanted():
    assert [one for one in render() if one["kind"] == "PrometheusRule"] == []


def test_the_object_has_its_labels_and_annotations_and_its_namespace():
    values = {"enabled": True, "namespace": "monitoring", "labels": {"release": "a"}, "annotations": {"b": "c"}}
    made = only(render({"prometheusRule": values}), "PrometheusRule")
    metadata = made["metadata"]
    assert made["apiVersion"] == "monitoring.coreos.com/v1"
    assert set(made["spec"]) == {"groups"}
    assert (metadata["namespace"], metadata["annotations"]) == ("monitoring", {"b": "c"})
    assert metadata["labels"]["release"] == "a"
    assert metadata["labels"]["app.kubernetes.io/name"] == "bridge"


def test_every_threshold_can_be_changed_and_nothing_else_changes_with_it():
    with_one = {name: rule for name, rule in alerts().items() if THRESHOLD.search(rule["expr"])}
    made = alerts(of_the_file(rendered(rules={name: {"threshold": 12.5} for name in with_one})))
    for name, rule in with_one.items():
        assert made[name] == {**rule, "expr": THRESHOLD.sub("12.5 # threshold", rule["expr"])}
        assert made[name] != rule
    assert {name: rule for name, rule in made.items() if name not in with_one} == {
        name: rule for name, rule in alerts().items() if name not in with_one
    }


def test_every_alert_can_be_given_another_severity_audience_and_duration():
    other = {"severity": "info", "audience": "night"}
    made = alerts(of_the_file(rendered(rules={name: {"for": "1h", **other} for name in alerts()})))
    for name, rule in alerts().items():
        assert made[name] == {**rule, "for": "1h", "labels": other}


@pytest.mark.parametrize("first", [0, 1])
def test_every_alert_can_be_switched_off_and_the_others_stay(first):
    off = list(alerts())[first::2]
    made = alerts(rendered(rules={name: {"enabled": False} for name in off}))
    assert list(made) == [name for name in alerts() if name not in off]


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ({"BridgeAbsnet": {"enabled": False}}, "BridgeAbsnet"),
        ({"BridgeAbsent": {"treshold": 1}}, "treshold"),
        ({"BridgeAbsent": {"threshold": 1}}, "BridgeAbsent.threshold is given, but that alert has no number"),
        ({"BridgeAbsent": {"for": "5 minutes"}}, "for"),
        ({"BridgeAbsent": {"severity": "page"}}, "severity"),
    ],
)
def test_what_no_alert_knows_is_refused(rules, said):
    with pytest.raises(Refused, match=said):
        rendered(rules=rules)


ROUTED = [
    ("BridgeAbsent", "page"),
    ("BridgeKeyBlocked", "platform"),
    ("BridgeAccountDisconnected", "marketing"),
    ("BridgePostsVanished", "nobody"),
]


def test_the_example_for_alertmanager_is_valid():
    run("amtool", "check-config", ROUTES)


@pytest.mark.parametrize("name", alerts())
def test_an_alert_goes_to_those_who_own_it(name):
    labels = alerts()[name]["labels"]
    told = {"critical": "page", "info": "nobody"}.get(labels["severity"], labels["audience"])
    assert dict(ROUTED).get(name, told) == told
    words = [f"{label}={value}" for label, value in {"alertname": name, **labels}.items()]
    run("amtool", "config", "routes", "test", f"--config.file={ROUTES}", f"--verify.receivers={told}", *words)


KEY = {"partner": "genviral"}
INHIBITED = [
    ("BridgeAbsent", {}, "BridgeReplicaDown", {"instance": "a"}, True),
    ("BridgeDiskFull", {}, "BridgeStorageErrors", {}, True),
    ("BridgeStorageErrors", {}, "BridgeIntakeFailing", {}, True),
    ("BridgeStorageErrors", {}, "BridgeKeyBlocked", KEY, False),
    ("BridgeKeyBlocked", KEY, "BridgePartnerErrors", KEY, True),
    ("BridgeKeyBlocked", KEY, "BridgePollerStalled", {"partner": "second", "what": "posts"}, False),
    ("BridgePollerStalled", KEY | {"what": "posts"}, "BridgePartnerRateLimited", KEY, True),
    ("BridgeBacklogTooOld", {"queue": "commands"}, "BridgeBacklogGrowing", {"queue": "commands"}, True),
    ("BridgeBacklogTooOld", {"queue": "commands"}, "BridgeBacklogGrowing", {"queue": "deliveries"}, False),
    ("BridgeEndpointFailing", {}, "BridgeBacklogGrowing", {"queue": "deliveries"}, False),
    ("BridgeAbsent", {"namespace": "staging"}, "BridgeStorageErrors", {"namespace": "production"}, False),
    ("BridgeAbsent", {"namespace": ""}, "BridgeReplicaDown", {"namespace": "production"}, True),
    ("BridgeIntakeFailing", {}, "BridgeHttpErrors", {"route": "/v1/publish"}, True),
    ("BridgePostsFailingFast", {}, "BridgePostsFailingSlowly", {}, True),
]


@pytest.mark.anyio
async def test_alerts_keep_quiet_while_another_one_says_the_same(tmp_path):
    """A real Alertmanager with the example; each pair in a namespace of its own, so that no other pair interferes."""
    port = free_port()
    command = (
        "prometheus-alertmanager",
        f"--config.file={ROUTES}",
        f"--storage.path={tmp_path / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
        "--log.level=warn",
    )
    async with (
        running(f"http://127.0.0.1:{port}", tmp_path / "log", *command) as url,
        httpx.AsyncClient(base_url=url, trust_env=False) as http,
    ):
        for number, (source, its, target, more, _) in enumerate(INHIBITED):
            # BridgeAbsent may be of the job alone, so it must not share one with the others.
            where = {"namespace": f"n{number}", "job": f"j{number}"}
            fired = [{"labels": {"alertname": name, **where, **own}} for name, own in ((source, its), (target, more))]
            assert (await http.post("/api/v2/alerts", json=fired)).is_success
        expected = {f"j{number}" for number, (*_, quiet) in enumerate(INHIBITED) if quiet}
        async with asyncio.timeout(10):
            while (kept_quiet := await _kept_quiet(http)) != expected:
                assert kept_quiet < expected
                await asyncio.sleep(0.05)


async def _kept_quiet(http):
    """Return the jobs of the alerts that are inhibited; what was told takes a moment to count."""
    shown = (await http.get("/api/v2/alerts")).json()
    assert len(shown) == 2 * len(INHIBITED)
    return {one["labels"]["job"] for one in shown if one["status"]["inhibitedBy"]}


def test_the_names_and_types_of_the_metrics_are_as_promtool_wants_them():
    metrics = Metrics(CollectorRegistry(), started=datetime.now(UTC), partners=("main",), endpoints=("ops",))
    done = subprocess.run(["promtool", "check", "metrics"], input=metrics.render(), capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
