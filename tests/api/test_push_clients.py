"""Who may push, over HTTP; and the numbers of the result socket."""

import json
from pathlib import Path
from typing import Any

import pytest

from haechi.api.auth.tokens import csrf_of
from haechi.base.ids import StreamId
from haechi.fleet.address import PUSHED
from haechi.ingest.lines import Door
from haechi.ingest.rtp_push.berths import ClientReport, StreamReport
from haechi.ingest.rtp_push.tally import Tally
from tests.api.knock import Answer, knock, page_headers
from tests.api.world import METRICS_TOKEN, World


class Serving:
    """A server of pushed streams, as the edge sees one."""

    clients = 1
    streams = 2

    def __init__(self, reports: list[ClientReport]) -> None:
        self.tally = Tally()
        self._reports = reports

    def report(self) -> list[ClientReport]:
        return self._reports

    def udp_dropped(self) -> int:
        return 7


class Desk:
    """An administrator's requests."""

    def __init__(self, folder: Path) -> None:
        self.world = World(folder)
        self.app = self.world.app()
        self.token = self.world.token(self.world.user("Ann", "admin"))

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Answer:
        headers = {**page_headers(self.token, csrf_of(self.token)), "content-type": "application/json"}
        sent = json.dumps(body).encode() if body is not None else b""
        return self.world.do(knock(self.app, method, path, headers, body=sent))


@pytest.fixture
def desk(tmp_path: Path) -> Any:
    made = Desk(tmp_path)
    yield made
    made.world.close()


def test_a_client_is_added_once_with_its_token_listed_without_it_and_removed(desk: Desk) -> None:
    added = desk.ask("POST", "/api/push-clients", {"name": "a  notebook"})
    assert added.status == 201
    new = added.json()
    assert new["token"].startswith("hpt_")
    assert (new["client"]["name"], new["client"]["camera"], new["pin"]) == ("a notebook", None, None)
    listed = desk.ask("GET", "/api/push-clients")
    assert new["token"].encode() not in listed.body
    assert [one["id"] for one in listed.json()["clients"]] == [new["client"]["id"]]
    assert not listed.json()["listening"]
    assert desk.ask("DELETE", f"/api/push-clients/{new['client']['id']}").status == 204
    assert desk.ask("DELETE", f"/api/push-clients/{new['client']['id']}").status == 404
    assert desk.ask("GET", "/api/push-clients").json()["clients"] == []


def test_a_client_becomes_a_camera_and_gives_it_back_to_another(desk: Desk) -> None:
    first = desk.ask("POST", "/api/push-clients", {"name": "Shed", "camera": True}).json()["client"]
    camera = desk.ask("GET", f"/api/cameras/{first['camera']}").json()
    assert (camera["name"], camera["url"], camera["status"]["state"]) == ("Shed", PUSHED, "disabled")
    second = desk.ask("POST", "/api/push-clients", {"name": "New shed"}).json()["client"]
    taken = desk.ask("PATCH", f"/api/push-clients/{second['id']}", {"camera": True, "camera_id": camera["id"]})
    assert (taken.status, taken.json()["code"]) == (409, "push-camera-taken")
    assert desk.ask("PATCH", f"/api/push-clients/{first['id']}", {"camera": False}).json()["camera"] is None
    given = desk.ask("PATCH", f"/api/push-clients/{second['id']}", {"camera": True, "camera_id": camera["id"]})
    assert given.json()["camera"] == camera["id"]
    assert desk.ask("DELETE", f"/api/cameras/{camera['id']}").status == 204
    assert desk.ask("GET", "/api/push-clients").json()["clients"][0]["camera"] is None


def test_only_a_camera_that_clients_push_can_be_a_clients(desk: Desk) -> None:
    door = desk.world.camera("Door")
    client = desk.ask("POST", "/api/push-clients", {"name": "Shed"}).json()["client"]
    path = f"/api/push-clients/{client['id']}"
    assert desk.ask("PATCH", path, {"camera": True, "camera_id": door}).json()["code"] == "not-pushed"
    assert desk.ask("PATCH", path, {"camera": True, "camera_id": "cam_aaaaaaaaaaaaaaaa"}).status == 404
    assert desk.ask("PATCH", "/api/push-clients/psh_aaaaaaaaaaaaaaaa", {"camera": True}).status == 404
    assert len(desk.ask("GET", "/api/cameras").json()["cameras"]) == 1


def test_what_is_pushed_now_is_told_with_where_to_push(desk: Desk) -> None:
    client = desk.ask("POST", "/api/push-clients", {"name": "Shed"}).json()["client"]
    berths = desk.world.ingest.openers.berths
    stream = StreamReport(StreamId("psh_a/1"), "", "h264", "udp", "door.mp4", 12, 3, ("objects",))
    berths.server = Serving([ClientReport(client["id"], "192.0.2.7", "demo/1", (stream,))])
    berths.door = Door("0.0.0.0", 8342, "ab" * 32)
    told = desk.ask("GET", "/api/push-clients").json()
    assert (told["listening"], told["port"], told["pin"]) == (True, 8342, "ab" * 32)
    (connection,) = told["clients"][0]["connections"]
    assert connection["peer"] == "192.0.2.7"
    assert connection["streams"][0]["lost_packets"] == 3
    assert connection["streams"][0]["modules"] == ["objects"]


def test_the_numbers_of_the_socket_are_there_and_nothing_before_it_serves(desk: Desk) -> None:
    def numbers() -> dict[str, float]:
        answer = desk.world.do(knock(desk.app, "GET", "/metrics", {"authorization": f"Bearer {METRICS_TOKEN}"}))
        lines = [line for line in answer.body.decode().splitlines() if line.startswith("haechi_result_socket")]
        return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}

    assert numbers()["haechi_result_socket_clients"] == 0
    serving = Serving([])
    serving.tally.units = 5
    serving.tally.left_out["lost-packets"] += 2
    serving.tally.failures["pose", "deadline"] += 1
    for took_ns in (40_000, 60_000, 3_000_000_000):
        serving.tally.judged("objects", took_ns)
    desk.world.ingest.openers.berths.server = serving
    now = numbers()
    assert now["haechi_result_socket_units_total"] == 5
    assert now["haechi_result_socket_datagrams_dropped_total"] == 7
    assert now['haechi_result_socket_left_out_total{reason="lost-packets"}'] == 2
    assert now['haechi_result_socket_module_failures_total{kind="deadline",module="pose"}'] == 1
    assert now['haechi_result_socket_seconds_bucket{le="5e-05",module="objects"}'] == 1
    assert now['haechi_result_socket_seconds_bucket{le="0.0001",module="objects"}'] == 2
    assert now['haechi_result_socket_seconds_count{module="objects"}'] == 3
    assert now['haechi_result_socket_seconds_sum{module="objects"}'] == pytest.approx(3.0001)
