"""The five dashboards: race day at a glance, mats and gateways, the pipeline, live, and one event."""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from deploy.dashboards.parts import (
    RATE,
    board,
    event_races,
    events,
    graph,
    number,
    number_up_to,
    one_event,
    per_second,
    quantile,
)

OURS = "and on (job, instance) matline_build_info"
EVENT = '{event=~"$event"}'
RACE = '{event=~"$event", race=~"$race"}'


def dashboards() -> dict[str, Dashboard]:
    """Return the dashboards by the names of their files."""
    return {"race-day": race_day(), "mats": mats(), "pipeline": pipeline(), "live": live(), "event": event()}


def race_day() -> Dashboard:
    """Return what somebody looks at all day long."""
    now = [
        number("Alerts: act now", 'sum(ALERTS{alertstate="firing", severity="critical"}) or vector(0)', turns_at=1),
        number("Alerts: today", 'sum(ALERTS{alertstate="firing", severity="warning"}) or vector(0)', turns_at=1),
        number_up_to("Services", "count(count by (service) (matline_build_info))", 4, alert="ServiceMissing"),
        number_up_to("Kafka", "min(matline_ingest_kafka_up)", 1, alert="KafkaDown"),
        number_up_to("ClickHouse", "min(matline_projections_database_up)", 1, alert="DatabaseDown"),
        number("Reads a second", per_second("matline_ingest_reads_total")),
        number(
            "Boards behind",
            f"max(matline_projections_event_lag_seconds{EVENT})",
            "s",
            turns_at=10,
            alert="BoardsBehind",
        ),
        number(
            "Read to board, 99 of 100",
            quantile(0.99, "matline_projections_read_to_board_seconds"),
            "s",
            turns_at=1,
            alert="BoardsSlow",
        ),
        number("Findings", f"sum(matline_projections_findings{EVENT})", turns_at=1, alert="MatSilent"),
        number("Open cases", f"sum(matline_projections_open_cases{EVENT})"),
        number("Viewers", "sum(matline_live_viewers)"),
        number("Room on the fullest disk", "min(matline_disk_free_bytes)", "bytes", alert="DiskFull"),
    ]
    races = [
        graph(
            "Boards behind",
            (f"max by (event) (matline_projections_event_lag_seconds{EVENT})", "{{event}}"),
            unit="s",
            alert="BoardsBehind",
        ),
        graph("Athletes by status", (f"sum by (status) (matline_projections_athletes{EVENT})", "{{status}}")),
        graph(
            "Findings",
            (f"max by (event, kind) (matline_projections_findings{EVENT})", "{{event}} {{kind}}"),
            (f"max by (event) (matline_projections_unknown_chips{EVENT})", "{{event}}: chips that nobody wears"),
            alert="MatSilent",
        ),
        graph(
            "Reads by gateway",
            (per_second(f"matline_ingest_gateway_reads_total{EVENT}", "event", "gateway"), "{{event}} {{gateway}}"),
            unit="cps",
            alert="NoReads",
        ),
        graph(
            "Since the gun",
            (
                f"time() - max by (event, race) (matline_projections_race_gun_timestamp_seconds{EVENT})",
                "{{event}} {{race}}",
            ),
            unit="s",
        ),
        graph("Alerts", ('count by (alertname) (ALERTS{alertstate="firing"})', "{{alertname}}")),
    ]
    machines = [
        graph(
            "Room on disks",
            ("min by (instance, folder) (matline_disk_free_bytes)", "{{instance}} {{folder}}"),
            ("min by (disk) (matline_projections_clickhouse_free_bytes)", "ClickHouse {{disk}}"),
            ("max by (instance, folder) (matline_disk_size_bytes)", "{{instance}} {{folder}}, size"),
            unit="bytes",
            alert="DiskFull",
        ),
        graph("Memory", (f"process_resident_memory_bytes {OURS}", "{{job}} {{instance}}"), unit="bytes"),
        graph("Processor", (f"rate(process_cpu_seconds_total[{RATE}]) {OURS}", "{{job}} {{instance}}")),
        graph(
            "Releases",
            ("count by (service, release) (matline_build_info)", "{{service}} {{release}}"),
            alert="ServiceDown",
        ),
    ]
    return board(
        "race-day",
        "race day",
        "What to look at on a race day: whether anything is wrong, and where",
        [events()],
        [("Now", now), ("Races", races), ("Machines", machines)],
    )


def mats() -> Dashboard:
    """Return what comes from the course, and what does not."""
    points = [
        graph(
            "Passed each point",
            (f"max by (race, point, source) (matline_projections_point_seen{RACE})", "{{race}} {{point}} {{source}}"),
            (f"max by (race, point) (matline_projections_point_expected{RACE})", "{{race}} {{point}} expected"),
        ),
        graph(
            "Missed and waived, by point",
            (f"max by (race, point) (matline_projections_point_missed{RACE})", "{{race}} {{point}} missed"),
            (f"max by (race, point) (matline_projections_point_waived{RACE})", "{{race}} {{point}} waived"),
            alert="MatSilent",
        ),
        graph(
            "Findings",
            (f"max by (event, kind) (matline_projections_findings{EVENT})", "{{event}} {{kind}}"),
            alert="MatSilent",
        ),
    ]
    devices = [
        graph(
            "Reads by device",
            (
                f"max by (event, mat, device) (deriv(matline_projections_device_reads{EVENT}[2m]))",
                "{{event}} {{mat}} {{device}}",
            ),
            unit="cps",
            alert="MatSilent",
        ),
        graph(
            "Since the last read, by device",
            (
                f"time() - max by (event, mat, device) (matline_projections_device_last_read_timestamp_seconds{EVENT})",
                "{{event}} {{mat}} {{device}}",
            ),
            unit="s",
        ),
        graph(
            "Clocks of readers",
            (
                f"max by (event, gateway, device) (matline_ingest_clock_offset_seconds{EVENT})",
                "{{event}} {{gateway}} {{device}}",
            ),
            unit="s",
            alert="ClockOff",
        ),
    ]
    gateways = [
        graph(
            "Reads by gateway",
            (per_second(f"matline_ingest_gateway_reads_total{EVENT}", "event", "gateway"), "{{event}} {{gateway}}"),
            unit="cps",
        ),
        graph(
            "Silence of gateways",
            (
                f"time() - max by (event, gateway) (matline_ingest_gateway_last_heard_timestamp_seconds{EVENT})",
                "{{event}} {{gateway}}",
            ),
            unit="s",
        ),
        graph(
            "Missing numbers",
            (f"sum by (event, gateway) (matline_ingest_reader_missing{EVENT})", "{{event}} {{gateway}}, asked for"),
            (
                f"min by (event, gateway) (matline_ingest_gateway_missing_reads{EVENT})",
                "{{event}} {{gateway}}, not come",
            ),
            alert="ReadsMissing",
        ),
        graph(
            "Readers connected",
            (f"sum by (event, gateway) (matline_ingest_connections{EVENT})", "{{event}} {{gateway}}"),
            alert="ReaderAway",
        ),
        graph(
            "Troubles with readers, in five minutes",
            (
                f"sum by (gateway) (increase(matline_ingest_disconnections_total{EVENT}[5m]))",
                "{{gateway}} disconnected",
            ),
            (f"sum by (gateway) (increase(matline_ingest_reader_failures_total{EVENT}[5m]))", "{{gateway}} failed"),
            (f"sum by (gateway) (increase(matline_ingest_utc_differs_total{EVENT}[5m]))", "{{gateway}} zone"),
            ("max(matline_ingest_config_faulty)", "matline.toml faulty"),
            alert="ReaderFails",
        ),
        graph(
            "Dead letters by gateway",
            (per_second(f"matline_ingest_gateway_rejected_total{EVENT}", "event", "gateway"), "{{event}} {{gateway}}"),
            (per_second("matline_ingest_halted_total", "source"), "{{source}} halted"),
            unit="cps",
            alert="ManyRejected",
        ),
    ]
    return board(
        "mats",
        "mats and gateways",
        "Which mat misses athletes, which reader is silent, whose clock is off",
        [events(), event_races()],
        [("Points", points), ("Devices", devices), ("Gateways and readers", gateways)],
    )


def pipeline() -> Dashboard:
    """Return the way of a read through ingest, scoring and the projections."""
    ingest = [
        graph("Reads by source", (per_second("matline_ingest_reads_total", "source"), "{{source}}"), unit="cps"),
        graph(
            "HTTP answers by status",
            (per_second("matline_ingest_requests_total", "status"), "{{status}}"),
            (per_second("matline_ingest_unauthorized_total"), "without a valid token"),
            unit="reqps",
            alert="TokenRefused",
        ),
        graph(
            "Requests",
            (quantile(0.99, "matline_ingest_request_seconds", "route"), "{{route}}, 99 of 100 (s)"),
            ("sum(matline_ingest_requests_in_flight)", "in flight"),
        ),
        graph(
            "Kafka's acknowledgement",
            (quantile(0.5, "matline_ingest_ack_seconds"), "median"),
            (quantile(0.99, "matline_ingest_ack_seconds"), "99 of 100"),
            unit="s",
            alert="KafkaDown",
        ),
        graph(
            "Waiting for Kafka",
            ("sum(matline_ingest_waiting_bytes)", "waiting"),
            ("sum(matline_ingest_waiting_limit_bytes)", "limit"),
            unit="bytes",
            alert="IngestFull",
        ),
        graph(
            "Bytes and records a second",
            (per_second("matline_ingest_bytes_total", "source"), "{{source}} bytes"),
            (per_second("matline_ingest_envelopes_total"), "records"),
            (per_second("matline_ingest_reads_repeated_total"), "repeated reads"),
        ),
        graph("Facts of officials", (per_second("matline_ingest_facts_total", "type"), "{{type}}"), unit="cps"),
        graph(
            "Effects of facts",
            ("min(matline_ingest_follower_up)", "known"),
            ("sum by (topic) (matline_ingest_follower_lag_records)", "{{topic}} behind"),
            ("sum(increase(matline_ingest_follower_failures_total[5m]))", "failures in five minutes"),
            alert="EffectsUnknown",
        ),
        graph(
            "Dead letters",
            (per_second("matline_ingest_rejected_total", "source", "reason"), "{{source}} {{reason}}"),
            (per_second("matline_scoring_rejected_total", "reason"), "scoring {{reason}}"),
            unit="cps",
            alert="LogRejected",
        ),
        graph(
            "Copies of topics",
            ("min by (topic) (matline_ingest_kafka_in_sync_replicas)", "{{topic}} up to date"),
            ("max by (topic) (matline_ingest_kafka_replicas)", "{{topic}} copies"),
            alert="ReplicasMissing",
        ),
    ]
    scoring = [
        graph(
            "Lag, by partition",
            ("max by (partition) (matline_scoring_event_lag_seconds)", "{{partition}}"),
            unit="s",
            alert="ScoringBehind",
        ),
        graph(
            "Reads scored",
            (per_second("matline_scoring_reads_total", "way"), "{{way}}"),
            (per_second("matline_scoring_repeated_reads_total", "way"), "{{way}}, on the log already"),
            unit="cps",
        ),
        graph(
            "Fold and publish, 99 of 100",
            (quantile(0.99, "matline_scoring_fold_seconds"), "fold"),
            (quantile(0.99, "matline_scoring_publish_seconds"), "publish"),
            (quantile(0.99, "matline_scoring_accepted_to_results_seconds"), "accepted to results"),
            unit="s",
        ),
        graph(
            "Partitions by worker",
            ("sum by (instance) (matline_scoring_partitions)", "{{instance}}"),
            alert="PartitionUnscored",
        ),
        graph(
            "Replay progress, by partition",
            ("min by (partition) (matline_scoring_replay_progress_ratio)", "{{partition}}"),
            unit="percentunit",
        ),
        graph(
            "Age of snapshots",
            ("max by (partition) (matline_scoring_snapshot_age_seconds)", "{{partition}}"),
            unit="s",
            alert="SnapshotOld",
        ),
        graph(
            "Records a second",
            (per_second("matline_scoring_records_total", "way"), "{{way}}"),
            ("sum(matline_scoring_lag_records)", "waiting"),
            (per_second("matline_scoring_frames_total"), "frames"),
            (per_second("matline_scoring_rows_total"), "rows"),
        ),
        graph(
            "State of workers",
            ("min by (instance) (matline_scoring_kafka_up)", "{{instance}} Kafka"),
            ("max by (partition) (matline_scoring_rejections_halted)", "{{partition}} halted"),
            alert="SenderHalted",
        ),
    ]
    projections = [
        graph(
            "Read to board",
            (quantile(0.5, "matline_projections_read_to_board_seconds"), "median"),
            (quantile(0.99, "matline_projections_read_to_board_seconds"), "99 of 100"),
            unit="s",
            alert="BoardsSlow",
        ),
        graph(
            "Records not processed yet",
            ("sum by (topic) (matline_projections_lag_records)", "{{topic}}"),
            ("sum(matline_projections_held_partitions)", "partitions that wait for scoring"),
            ("sum(increase(matline_projections_unreadable_total[5m]))", "unreadable in five minutes"),
            alert="ResultsUnreadable",
        ),
        graph(
            "Inserts, 99 of 100",
            (quantile(0.99, "matline_projections_insert_seconds", "table"), "{{table}}"),
            (per_second("matline_projections_insert_failures_total"), "failures a second"),
            unit="s",
            alert="DatabaseDown",
        ),
        graph("Standings, 99 of 100", (quantile(0.99, "matline_projections_standings_seconds"), "a batch"), unit="s"),
        graph("Rows inserted", (per_second("matline_projections_rows_total", "table"), "{{table}}"), unit="cps"),
        graph(
            "Results, revisions, inserts a second",
            (per_second("matline_projections_results_total"), "results"),
            (per_second("matline_projections_revisions_total"), "revisions"),
            (per_second("matline_projections_inserts_total", "table"), "inserts {{table}}"),
        ),
        graph(
            "Examinations of health, 99 of 100",
            (quantile(0.99, "matline_projections_examination_seconds"), "an event"),
            unit="s",
        ),
        graph("Parts in ClickHouse", ("max(matline_projections_clickhouse_parts)", "parts")),
        graph(
            "Delay of event loops",
            (quantile(0.99, "matline_scoring_loop_late_seconds", "instance"), "scoring {{instance}}"),
            ("max by (instance) (matline_projections_loop_late_seconds)", "projections {{instance}}"),
            unit="s",
            alert="LoopLate",
        ),
    ]
    return board(
        "pipeline",
        "pipeline",
        "Where a read waits on its way from a gateway to the boards",
        [],
        [("Ingest", ingest), ("Scoring", scoring), ("Projections", projections)],
    )


def live() -> Dashboard:
    """Return what spectators ask for and get."""
    viewers = [
        graph("Answers by status", (per_second("matline_live_requests_total", "status"), "{{status}}"), unit="reqps"),
        graph(
            "Viewers",
            ("sum by (instance) (matline_live_viewers)", "{{instance}}"),
            ("sum(increase(matline_live_viewers_dropped_total[5m]))", "dropped in five minutes"),
        ),
        graph("Events to viewers", (per_second("matline_live_events_total"), "events"), unit="cps"),
    ]
    revisions = [
        graph(
            "Announced to served, 99 of 100",
            (quantile(0.99, "matline_live_announced_seconds", "instance"), "{{instance}}"),
            unit="s",
        ),
        graph(
            "Revisions a second",
            (per_second("matline_live_revisions_total", "by"), "by {{by}}"),
            ("sum(increase(matline_live_unreadable_notices_total[5m]))", "unreadable notices in five minutes"),
            alert="ResultsUnreadable",
        ),
        graph(
            "Kafka and ClickHouse as live sees them",
            ("min by (instance) (matline_live_kafka_up)", "{{instance}} Kafka"),
            ("min by (instance) (matline_live_clickhouse_up)", "{{instance}} ClickHouse"),
            alert="DatabaseDown",
        ),
    ]
    answers = [
        graph("Answers made", (per_second("matline_live_answers_made_total", "route"), "{{route}}"), unit="reqps"),
        graph(
            "Making an answer, 99 of 100",
            (quantile(0.99, "matline_live_answer_seconds", "route"), "{{route}}"),
            unit="s",
        ),
        graph("Cache", ("sum by (instance) (matline_live_cache_bytes)", "{{instance}}"), unit="bytes"),
    ]
    return board(
        "live",
        "live",
        "What spectators ask for, and how fast they get it",
        [],
        [("Viewers", viewers), ("Revisions", revisions), ("Answers", answers)],
    )


def event() -> Dashboard:
    """Return one event with its races."""
    now = [
        number(
            "Boards behind",
            f"max(matline_projections_event_lag_seconds{EVENT})",
            "s",
            turns_at=10,
            alert="BoardsBehind",
        ),
        number(
            "Since the last change", f"time() - max(matline_projections_event_changed_timestamp_seconds{EVENT})", "s"
        ),
        number("On the course", f'sum(matline_projections_athletes{RACE[:-1]}, status="ON_COURSE"}})'),
        number("Finished", f'sum(matline_projections_athletes{RACE[:-1]}, status="FINISHED"}})'),
        number("Open cases", f"sum(matline_projections_open_cases{RACE})"),
        number("Races closed", f"sum(matline_projections_race_closed{RACE})"),
    ]
    race = [
        graph(
            "Athletes by race and status",
            (f"sum by (race, status) (matline_projections_athletes{RACE})", "{{race}} {{status}}"),
        ),
        graph(
            "Passed each point",
            (f"sum by (race, point) (matline_projections_point_seen{RACE})", "{{race}} {{point}}"),
        ),
        graph(
            "Missed, by point",
            (f"max by (race, point) (matline_projections_point_missed{RACE})", "{{race}} {{point}}"),
            alert="MatSilent",
        ),
        graph("Open cases", (f"max by (race) (matline_projections_open_cases{RACE})", "{{race}}")),
        graph(
            "Since the gun",
            (f"time() - max by (race) (matline_projections_race_gun_timestamp_seconds{RACE})", "{{race}}"),
            unit="s",
            alert="GunSuspect",
        ),
        graph(
            "Findings",
            (f"max by (kind) (matline_projections_findings{EVENT})", "{{kind}}"),
            (f"max(matline_projections_unknown_chips{EVENT})", "chips that nobody wears"),
            alert="ChipsUnknown",
        ),
    ]
    reads = [
        graph(
            "Reads by gateway",
            (per_second(f"matline_ingest_gateway_reads_total{EVENT}", "gateway", "source"), "{{gateway}} {{source}}"),
            unit="cps",
            alert="NoReads",
        ),
        graph(
            "Reads by device",
            (f"max by (mat, device) (deriv(matline_projections_device_reads{EVENT}[2m]))", "{{mat}} {{device}}"),
            unit="cps",
        ),
        graph(
            "Boards behind",
            (f"max(matline_projections_event_lag_seconds{EVENT})", "boards"),
            unit="s",
            alert="BoardsBehind",
        ),
    ]
    return board(
        "event",
        "one event",
        "One event: its races, what its mats see, and how old its boards are",
        [one_event(), event_races()],
        [("Now", now), ("Races", race), ("Reads and boards", reads)],
    )
