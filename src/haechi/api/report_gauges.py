"""Numbers of what cameras report by themselves, for Prometheus."""

from prometheus_client import CollectorRegistry, Gauge

from haechi.events.reported.room import ReportRoom


class ReportGauges:
    """Who is heard, and what came."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._cameras = Gauge(
            "haechi_reports_cameras", "Cameras whose own reports are wanted, by state.", ["state"], registry=registry
        )
        self._heard = Gauge("haechi_reports_heard", "Reports of wanted kinds since start.", registry=registry)
        self._unseen = Gauge(
            "haechi_reports_unseen",
            "Reports since start with no picture near their moment: no event.",
            registry=registry,
        )

    def set(self, room: ReportRoom) -> None:
        """Take the numbers over."""
        for state, count in room.states().items():
            self._cameras.labels(state).set(count)
        self._heard.set(room.heard)
        self._unseen.set(room.unseen)
