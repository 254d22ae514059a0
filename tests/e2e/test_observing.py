"""What a real process says about itself: numbers that add up, lines that parse, one trace from call to fill."""

from __future__ import annotations

import json
import re
import shutil
import time
from pathlib import Path
from typing import Any, Final

import pytest
from prometheus_client.parser import text_string_to_metric_families

from fairlead.observing.timeline import STEPS, trace_id
from tests.architecture.source_tree import ROOT
from tests.e2e.conftest import PASSWORD, House
from tests.e2e.processes import Server, run
from tests.observing.collector import collecting

WAIT_S: Final = 10.0
PAGE: Final = ROOT / "docs" / "metrics.md"
DASHBOARD: Final = ROOT / "docs" / "grafana" / "fairlead.json"
SUFFIXES: Final = ("_bucket", "_count", "_sum")
METRIC: Final = re.compile(r"\b(?:fairlead|process)_[a-z_]+\b")
NAMES: Final = re.compile(r"^\| `((?:fairlead|process)_[a-z_]+)` \|", re.MULTILINE)
MS: Final = 1_000


def read_samples(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def read_names(text: str) -> set[str]:
    """As pages write them: counters with `_total`, histograms without their three suffixes."""
    kinds = {family.name: family.type for family in text_string_to_metric_families(text)}
    return {f"{name}_total" if kind == "counter" else name for name, kind in kinds.items()}


class Scrape:
    """One scrape of a server."""

    def __init__(self, server: Server) -> None:
        self.text = server.scrape()
        self._samples = read_samples(self.text)

    def value(self, name: str, **labels: str) -> float:
        return self._samples.get((name, frozenset(labels.items())), 0.0)

    def total(self, name: str) -> float:
        return sum(value for (found, _), value in self._samples.items() if found == name)


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines() if line.startswith("{")]


def send_alerts(house: House) -> dict[str, Any]:
    """Three new alerts, one of them twice, a close of nothing, a denied one, and calls that become none."""
    first = house.server.post(house.hook_path, house.alert(alertId="first"))[1]
    for name in ("second", "first", "third"):
        assert house.server.post(house.hook_path, house.alert(alertId=name))[0] == 200
    denied = house.server.post(house.hook_path, house.alert(alertId="much", qty="1000"))
    assert denied[1]["status"] == "denied", denied
    assert house.server.post(house.hook_path, "{", Authorization=f"Bearer {house.token}")[0] == 400
    assert house.server.post(house.hook_path, house.alert(authToken="wrong"))[0] == 401
    return first


def test_numbers_add_up_after_real_alerts(house: House) -> None:
    send_alerts(house)
    seen = Scrape(house.server)
    assert seen.value("fairlead_alerts_received_total") == 4
    assert seen.value("fairlead_alerts_total", verdict="accepted") == seen.total("fairlead_alerts_total") == 4
    assert seen.value("fairlead_alert_duplicates_total") == 1
    assert seen.value("fairlead_alert_calls_refused_total", reason="malformed") == 1
    assert seen.value("fairlead_alert_calls_refused_total", reason="stranger") == 1
    assert seen.value("fairlead_answers_total", route="alert", status="200") == 5
    assert seen.value("fairlead_requests_total", status="filled", reason="") == 6
    assert seen.total("fairlead_requests_total") == 8
    for event in ("approved", "accepted", "filled"):
        assert seen.value("fairlead_orders_total", event=event) == 6
    assert seen.value("fairlead_fills_total") >= 6
    assert seen.value("fairlead_answer_seconds_count", route="alert") == 7
    assert seen.value("fairlead_alert_seconds_count") == 4
    assert seen.value("fairlead_alert_to_send_seconds_count") == 6
    assert {seen.value("fairlead_step_seconds_count", step=step) for step in STEPS[:3]} == {4}
    assert seen.value("fairlead_step_seconds_count", step="filled") == 6
    assert seen.value("fairlead_venue_call_seconds_count", call="place_order", outcome="accepted") == 6
    stored = seen.value("fairlead_journal_units_total", outcome="committed")
    assert stored == seen.value("fairlead_journal_durable_seconds_count")
    assert seen.value("fairlead_journal_commits_total") <= stored
    assert seen.value("fairlead_journal_rows_total") >= 4 * 2 + 8 + 3 * 6
    assert seen.value("fairlead_accounts", kind="paper", mode="paper") == 2
    for name in ("requests_unfinished", "alerts_unhandled", "timelines_open", "timelines_cut_total", "accounts_halted"):
        assert seen.value(f"fairlead_{name}") == 0, name
    assert seen.value("fairlead_healthy") == seen.value("fairlead_ready") == 1


def test_no_series_tells_whose_it_is(house: House) -> None:
    first = send_alerts(house)
    text = house.server.scrape()
    results = [result for result in first["results"] if result["account"] in {"first", "second"}]
    ids = [result["client_order_id"] for result in results]
    for name in ("olive", "first", "second", "tv"):
        assert f'"{name}"' not in text
    for told in (house.token, house.token[:8], house.hook_path[7:], *ids):
        assert told not in text


def test_the_page_and_the_dashboard_name_exactly_the_metrics_that_there_are(house: House) -> None:
    send_alerts(house)
    names = read_names(house.server.scrape())
    assert set(NAMES.findall(PAGE.read_text())) == names
    dashboard = json.loads(DASHBOARD.read_text())
    used: set[str] = set()
    for panel in dashboard["panels"]:
        for target in panel.get("targets", ()):
            used.update(
                re.sub("|".join(f"{end}$" for end in SUFFIXES), "", name) for name in METRIC.findall(target["expr"])
            )
    assert used == names
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])


def test_every_line_parses_and_one_trace_leads_from_call_to_fill(house: House) -> None:
    first = send_alerts(house)
    house.server.stop()
    lines = read_lines(house.server.log_path)
    assert len(lines) == sum("{" in line[:1] for line in house.server.log_path.read_text().splitlines())
    assert all({"timestamp", "level", "logger", "message"} <= set(line) for line in lines)
    mine = [line for line in lines if line.get("trace_id") == trace_id(first["requestId"])]
    told = [(line["message"], line.get("operation", ""), line.get("account", "")) for line in mine]
    for account in ("first", "second"):
        in_order = [
            ("operation_started", "request", account),
            ("order_approved", "", account),
            ("operation_started", "place_order", account),
            ("operation_ended", "place_order", account),
            ("order_filled", "", account),
            ("operation_ended", "request", account),
        ]
        places = [told.index(line) for line in in_order]
        assert places == sorted(places)
    assert told[0] == ("operation_started", "alert", "")
    assert told[-1] == ("operation_ended", "alert", "")
    started = {line["operation_id"]: line for line in mine if line["message"] == "operation_started"}
    ended = {line["operation_id"]: line for line in mine if line["message"] == "operation_ended"}
    assert set(started) == set(ended)
    for line in ended.values():
        assert line["duration_ms"] > 0
        assert line["success"] is True
        parent = line["parent_operation_id"]
        assert not parent or line["duration_ms"] <= ended[parent]["duration_ms"]


def test_the_steps_of_an_alert_are_real_and_no_longer_than_the_whole(house: House) -> None:
    began_s = time.monotonic()
    first = house.server.post(house.hook_path, house.alert())[1]
    waited_ms = (time.monotonic() - began_s) * MS
    house.server.stop()
    lines = read_lines(house.server.log_path)
    (summary,) = [
        line
        for line in lines
        if line.get("operation_id") == first["requestId"] and line["message"] == "operation_ended"
    ]
    assert (summary["verdict"], summary["status_code"], summary["statuses"]) == ("accepted", 200, {"filled": 2})
    assert 0 < summary["answered_ms"] <= summary["duration_ms"] <= waited_ms
    for account in summary["accounts"]:
        steps = {**summary["steps"], **account["steps"]}
        assert list(steps) == [f"{step}_ms" for step in STEPS]
        assert all(duration_ms >= 0 for duration_ms in steps.values())
        assert 0 < sum(steps.values()) <= summary["duration_ms"] + 0.01


@pytest.mark.slow
def test_a_log_file_turns_while_the_server_runs(tmp_path: Path, furnished: tuple[Path, dict[str, str]]) -> None:
    source, hook = furnished
    data = tmp_path / "data"
    shutil.copytree(source, data)
    file = tmp_path / "logs" / "fairlead.log"
    small = {"FAIRLEAD_LOG_FILE_BYTES_MAX": "65536", "FAIRLEAD_LOG_FILES_MAX": "2"}
    server = Server(data, FAIRLEAD_LOG_FILE=str(file), **small)
    with server.running():
        house = House(server=server, data=data, token=hook["token"], hook_path=f"/hooks/{hook['id']}")
        for number in range(40):
            server.post(house.hook_path, house.alert(alertId=f"n{number}", qty="0.0001"))
    assert sorted(path.name for path in file.parent.iterdir()) == ["fairlead.log", "fairlead.log.1"]
    lines = [*read_lines(file.with_name("fairlead.log.1")), *read_lines(file)]
    assert lines[-1]["message"] == "stopping"
    assert all(path.stat().st_size <= 65_536 for path in file.parent.iterdir())


@pytest.mark.slow
def test_a_collector_gets_the_spans_of_every_alert_and_no_secret(
    tmp_path: Path, furnished: tuple[Path, dict[str, str]]
) -> None:
    source, hook = furnished
    data = tmp_path / "data"
    shutil.copytree(source, data)
    with collecting() as collector:
        server = Server(data, FAIRLEAD_OTLP_URL=collector.url)
        with server.running():
            house = House(server=server, data=data, token=hook["token"], hook_path=f"/hooks/{hook['id']}")
            first = send_alerts(house)
        spans = collector.traces()[trace_id(first["requestId"])]
    assert sorted({span.name for span in spans}) == sorted({"alert", "request", "place_order", *STEPS})
    (alert,) = [span for span in spans if span.name == "alert"]
    for span in spans:
        assert alert.start_time_unix_nano <= span.start_time_unix_nano <= span.end_time_unix_nano
        assert span.end_time_unix_nano <= alert.end_time_unix_nano
    for secret in (hook["token"], "wrong", PASSWORD):
        assert secret.encode() not in collector.raw


def test_metrics_with_a_token_are_for_who_has_it(tmp_path: Path, furnished: tuple[Path, dict[str, str]]) -> None:
    data = tmp_path / "data"
    shutil.copytree(furnished[0], data)
    token = "scrape-me-if-you-can"
    server = Server(data, FAIRLEAD_METRICS_TOKEN=token)
    with server.running():
        assert server.get("/metrics")[0] == 401
        assert server.get("/health")[1].keys() == {"status", "reasons", "requestId"}
        assert "fairlead_ready 1.0" in server.scrape(token)
        assert server.get("/ready", token=token)[1]["accounts"] == 2
    assert token not in server.log_path.read_text()


def test_a_kill_switch_on_everything_makes_the_process_not_ready(house: House) -> None:
    assert house.server.get("/ready")[1]["status"] == "ready"
    run("kill", "platform", data=house.data)
    status, answer = house.server.get("/ready")
    assert (status, answer["reasons"]) == (503, ["kill_switch"])
    assert house.server.get("/health")[0] == 200
