"""What each gateway sent lately, as metrics and in the log."""

from prometheus_client import CollectorRegistry

from services.ingest.gateway_activity import FORGOTTEN_AFTER_S, GATEWAYS_MAX, GatewayActivity

LABELS = {"event": "e", "gateway": "start", "source": "http"}


class Watched:
    """An activity with a clock of its own, and what it shows."""

    def __init__(self) -> None:
        self.now_s = 1_000_000.0
        self.activity = GatewayActivity(lambda: self.now_s)
        self._registry = CollectorRegistry()
        self._registry.register(self.activity)

    def shown(self, name: str, labels: dict[str, str] = LABELS) -> float | None:
        return self._registry.get_sample_value(f"matline_ingest_gateway_{name}", labels)


def test_gateways_of_one_name_of_two_events_are_counted_apart():
    watched = Watched()
    watched.activity.add_reads("e", "start", "http", 3)
    watched.activity.add_reads("f", "start", "http", 5)
    assert watched.shown("reads_total") == 3
    assert watched.shown("reads_total", {**LABELS, "event": "f"}) == 5


def test_numbers_that_lack_and_when_a_gateway_was_last_heard_are_shown():
    watched = Watched()
    watched.activity.set_missing("e", "start", "http", 7)
    assert watched.shown("missing_reads") == 7
    watched.activity.set_missing("e", "start", "http", 0)
    assert watched.shown("missing_reads") == 0
    assert watched.shown("last_heard_timestamp_seconds") == watched.now_s


def test_a_gateway_that_was_silent_for_a_day_is_dropped_and_the_number_of_gateways_is_bounded():
    watched = Watched()
    watched.activity.add_reads("e", "start", "http", 3)
    watched.now_s += FORGOTTEN_AFTER_S + 1
    watched.activity.add_reads("e", "finish", "http", 3)
    assert watched.shown("reads_total") is None
    for nth in range(GATEWAYS_MAX):
        watched.activity.add_reads("e", f"made up {nth}", "http", 1)
    assert watched.shown("reads_total", {**LABELS, "gateway": "finish"}) is None
    assert watched.shown("reads_total", {**LABELS, "gateway": "made up 0"}) == 1


def test_the_first_dead_letter_of_a_gateway_and_each_hundredth_are_logged(caplog):
    watched = Watched()
    for _ in range(250):
        watched.activity.add_rejected("e", "start", "http", 1)
    watched.activity.add_rejected("e", "", "ultra", 3)
    watched.activity.add_rejected("e", "quiet", "http", 0)
    assert [record.getMessage().partition(";")[0] for record in caplog.records] == [
        "gateway start sent what cannot be read, 1 dead letters by now",
        "gateway start sent what cannot be read, 100 dead letters by now",
        "gateway start sent what cannot be read, 200 dead letters by now",
        "a sender by ultra sent what cannot be read, 3 dead letters by now",
    ]
    assert watched.shown("rejected_total") == 250
