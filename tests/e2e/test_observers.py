"""What comes along for Prometheus, Grafana and Zabbix, held against a pgsaba that is at work: every
query of the dashboard and of the alerts is asked of a Prometheus that reads it."""

import json
import re
import subprocess
import urllib.error
import urllib.parse
import urllib.request

import psycopg
import pytest
import yaml
from harness.debian import SOURCE
from harness.group import SPLIT, Group
from harness.pgsaba import Pgsaba
from harness.processes import free_port, spawn, wait_until
from prometheus_client.parser import text_string_to_metric_families

PACKAGING = SOURCE / "packaging"
DASHBOARD = json.loads((PACKAGING / "grafana/pgsaba.json").read_text())
ZABBIX = yaml.safe_load((PACKAGING / "zabbix/pgsaba.yaml").read_text())["zabbix_export"]
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
EXPRESSIONS = [(f"{panel['title']} {target['refId']}", target["expr"])
               for panel in PANELS for target in panel["targets"]]


@pytest.fixture(scope="module")
def at_work(pgsaba_binary, directory):
    """A primary, a standby, a client that has done something and one that waits."""
    group = Group(directory, name="observed")
    port = free_port()
    daemon = Pgsaba(pgsaba_binary, directory, group.servers, {
        **SPLIT, "http": {"port": port}}, "observer")
    daemon.start()
    daemon.http = port
    wait_until(lambda: answers(daemon, "/readyz?role=replica"), 20, "a standby that is fit for reads")
    keep_busy(daemon)
    yield daemon
    daemon.stop()
    group.stop()


def keep_busy(daemon):
    with psycopg.connect(host=daemon.host, port=daemon.port, user="postgres", dbname="postgres",
                         autocommit=True) as client:
        client.execute("create table if not exists observed (a int)")
        client.execute("insert into observed values (1)")
        for _ in range(20):
            client.execute("select a from observed where a = %s", [1], prepare=True)


def fetch(daemon, page="/metrics"):
    with urllib.request.urlopen(f"http://127.0.0.1:{daemon.http}{page}", timeout=10) as reply:
        return reply.read().decode()


def answers(daemon, page):
    try:
        return fetch(daemon, page)
    except OSError:  # an HTTPError is one
        return False


class Prometheus:
    def __init__(self, directory, target):
        self.port = free_port()
        base = directory.make("prometheus")
        settings = yaml.safe_load((PACKAGING / "prometheus/scrape.yml").read_text())
        settings["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
        settings["scrape_configs"][0]["static_configs"][0]["targets"] = [f"127.0.0.1:{target}"]
        (base / "prometheus.yml").write_text(yaml.safe_dump(settings))
        (base / "alerts.yml").write_text((PACKAGING / "prometheus/alerts.yml").read_text())
        subprocess.run(["promtool", "check", "config", str(base / "prometheus.yml")], check=True,
                       capture_output=True)
        with open(base / "log", "wb") as log:
            self._process = spawn(["prometheus", f"--config.file={base}/prometheus.yml",
                                   f"--storage.tsdb.path={base}/data",
                                   f"--web.listen-address=127.0.0.1:{self.port}"], log)

    def get(self, page, **parameters):
        query = urllib.parse.urlencode(parameters)
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/v1/{page}?{query}",
                                        timeout=10) as reply:
                return json.load(reply)
        except urllib.error.HTTPError as error:
            return json.load(error)

    def ask(self, expression):
        return self.get("query", query=expression)

    def has_seen(self, scrapes):
        try:
            found = self.ask(f"count_over_time(pgsaba_workers[1h]) >= {scrapes}")
        except (OSError, ValueError):  # it does not listen yet, or says so
            return False
        return found["data"]["result"]

    def close(self):
        self._process.terminate()
        self._process.wait()


@pytest.fixture(scope="module")
def prometheus(directory, at_work):
    started = Prometheus(directory, at_work.http)
    # A rate needs a series that is there and then grows; some begin only with the second round.
    for scrapes in (2, 4, 6, 8):
        wait_until(lambda: started.has_seen(scrapes), 60, f"{scrapes} looks of Prometheus")
        keep_busy(at_work)
    wait_until(lambda: started.has_seen(10), 60, "Prometheus after some traffic")
    yield started
    started.close()


def filled_in(expression):
    for name, value in (("$instance", ".*"), ("$database", ".*"), ("$__rate_interval", "1m")):
        expression = expression.replace(name, value)
    return expression


@pytest.mark.parametrize("title, expression", EXPRESSIONS, ids=[title for title, _ in EXPRESSIONS])
def test_every_query_of_the_dashboard_has_an_answer(prometheus, title, expression):
    found = prometheus.ask(filled_in(expression))
    assert found["status"] == "success", found
    assert found["data"]["result"], expression


def test_the_choices_of_the_dashboard_are_there(prometheus):
    for variable in DASHBOARD["templating"]["list"]:
        if variable["type"] == "query":
            metric, label = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["query"]).groups()
            assert prometheus.get(f"label/{label}/values", **{"match[]": metric})["data"]


def test_every_alert_can_be_judged_and_none_fires_without_cause(prometheus):
    rules = prometheus.get("rules")["data"]["groups"][0]["rules"]
    assert len(rules) == len(re.findall("alert:", (PACKAGING / "prometheus/alerts.yml").read_text()))
    wait_until(lambda: all(rule["health"] == "ok" for rule in
                           prometheus.get("rules")["data"]["groups"][0]["rules"]), 30, "all judged")
    for rule in prometheus.get("rules")["data"]["groups"][0]["rules"]:
        assert rule["state"] != "firing", rule


def test_every_metric_that_an_alert_needs_is_there(at_work):
    names = {sample.name for family in text_string_to_metric_families(fetch(at_work))
             for sample in family.samples}
    text = "".join(re.findall(r"expr: >-\n\s+(.*)", (PACKAGING / "prometheus/alerts.yml").read_text()))
    wanted = set(re.findall(r"\b(?:pgsaba|process)_\w+", text))
    assert wanted and wanted <= names


def test_promtool_finds_nothing_to_complain_about(at_work):
    done = subprocess.run(["promtool", "check", "metrics"], input=fetch(at_work), text=True,
                          capture_output=True)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    subprocess.run(["promtool", "check", "rules", PACKAGING / "prometheus/alerts.yml"], check=True,
                   capture_output=True)


# ---- Zabbix ------------------------------------------------------------------------------------------

def zabbix_items():
    template, = ZABBIX["templates"]
    for item in template["items"]:
        yield item
    for rule in template["discovery_rules"]:
        yield from rule["item_prototypes"]


def samples(text):
    return [sample for family in text_string_to_metric_families(text) for sample in family.samples]


def matching(found, pattern):
    name, labels = re.fullmatch(r"(\w+)(?:\{(.*)\})?", pattern).groups()
    wanted = dict(re.findall(r'(\w+)="([^"]*)"', labels or ""))
    return [sample for sample in found if sample.name == name and
            all(value.startswith("{#") and label in sample.labels or sample.labels.get(label) == value
                for label, value in wanted.items())]


def test_zabbix_finds_every_value(at_work):
    found = samples(fetch(at_work))
    for item in zabbix_items():
        for step in item.get("preprocessing", []):
            if step["type"] == "PROMETHEUS_PATTERN":
                pattern, output, function = step["parameters"]
                hits = matching(found, pattern)
                if "lag[" in item["key"]:  # a primary has none
                    assert hits
                else:
                    assert hits, pattern
                assert (output, function) in {("value", ""), ("function", "sum"), ("function", "max")}
                if output == "value" and "{#" not in pattern:
                    assert len(hits) == 1, pattern


def test_the_zabbix_template_holds_together():
    assert ZABBIX["version"] == "6.0"
    text = (PACKAGING / "zabbix/pgsaba.yaml").read_text()
    uuids = re.findall(r"uuid: (\w+)", text)
    assert len(uuids) == len(set(uuids))
    assert all(re.fullmatch(r"[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}", one) for one in uuids)
    keys = [item["key"] for item in zabbix_items()]
    assert len(keys) == len(set(keys))
    for key in re.findall(r"\(/[^/]+/([\w.]+(?:\[[^\]]*\])?)", text):
        assert key in keys, key
    for macro in set(re.findall(r"\{\$[A-Z.]+\}", text)):
        assert macro in {one["macro"] for one in ZABBIX["templates"][0]["macros"]}
