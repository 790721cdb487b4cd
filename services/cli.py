"""The `matline` command. Each command imports its service only when it runs, so that `--help` answers at once."""

import os
import signal
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

app = typer.Typer(
    name="matline",
    help="Event-sourced race timing: reads in, boards out. Start with `matline demo` or `matline up`.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def _matline() -> None:
    """Without this, a single command would take the place of the list."""


@app.command()
def score(
    log: Annotated[str, typer.Argument(help="A log, one fact as JSON a line; `-` reads standard input.")],
    until: Annotated[int | None, typer.Option(min=0, help="Stop after this line and read no further.")] = None,
    style: Annotated[
        Literal["json", "text"] | None,
        typer.Option("--format", help="`json`, the default when not at a terminal, or `text`, tables."),
    ] = None,
    lenient: Annotated[bool, typer.Option(help="Set lines aside that are no fact, and count them.")] = False,
) -> None:
    """Score a log and print the standings: no broker, no database, the same code as the services."""
    from services.offline.score_command import run

    sys.exit(run(log, until, style, lenient))


@app.command()
def explain(
    log: Annotated[str, typer.Argument(help="A log, one fact as JSON a line; `-` reads standard input.")],
    bib: Annotated[str, typer.Argument(help="Whose result is asked about.")],
    until: Annotated[int | None, typer.Option(min=0, help="As it stood after this line.")] = None,
    style: Annotated[
        Literal["json", "text"] | None,
        typer.Option("--format", help="`json`, the default when not at a terminal, or `text`, a page to read."),
    ] = None,
    lenient: Annotated[bool, typer.Option(help="Set lines aside that are no fact, and count them.")] = False,
) -> None:
    """Show why an athlete has his time and place: each read, used or not, rules, and facts with who and when.

    Everything is in it, officials' reasons and excluded reads too; the live API shows the public less.
    """
    from services.offline.explain_command import run

    sys.exit(run(log, bib, until, style, lenient))


@app.command()
def simulate(
    race: Annotated[
        str, typer.Argument(help="A race that comes with Matline, such as hanoi-half-2024, or a TOML file.")
    ],
    size: Annotated[int, typer.Option(min=1, max=100_000, help="How many entrants.")] = 500,
    seed: Annotated[int, typer.Option(help="The same seed is the same day, on every machine.")] = 1,
    speed: Annotated[
        float | None, typer.Option(help="1 is real time, 60 a minute a second; by default as fast as it is taken.")
    ] = None,
    to: Annotated[str | None, typer.Option(help="Send it to this ingest, such as http://127.0.0.1:8701.")] = None,
    mylaps: Annotated[
        str | None, typer.Option(help="HOST:PORT of ingest's MYLAPS listener, for the start and finish mats.")
    ] = None,
    mylaps_version: Annotated[Literal["1", "2.1"], typer.Option(help="Which version the exporter speaks.")] = "2.1",
    out: Annotated[Path | None, typer.Option(help="Write the day as a log; `-` is standard output.")] = None,
    truth: Annotated[Path | None, typer.Option(help="Write every runner's true result, as JSON.")] = None,
    sources: Annotated[
        Path | None, typer.Option(help="Write the sources table by which ingest takes its MYLAPS reads.")
    ] = None,
    entries: Annotated[Path | None, typer.Option(help="Write the entry list as CSV, as ingest takes it.")] = None,
    protocol: Annotated[
        str | None,
        typer.Option(
            help="Have simulated readers at the mats send the reads by this protocol, such as raceresult; a wrong name "
            "lists all of them."
        ),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(help="HOST:PORT where the first of them listens, or (mylaps, chronotrack) whom they call."),
    ] = None,
) -> None:
    """Make up a race day, with its truth: entries, guns, reads late and twice, missed mats, rulings.

    `matline simulate hanoi-half-2024 --out race.jsonl --truth truth.json`, then `matline score race.jsonl`. Or send it
    to a running ingest: `matline simulate tien-phong-2024 --to http://127.0.0.1:8701 --speed 60`. Where ingest asks for
    tokens they are taken from MATLINE_GATEWAY_TOKEN and MATLINE_OFFICIAL_TOKEN.

    Without hardware: `matline simulate hanoi-half-2024 --protocol raceresult --to http://127.0.0.1:8701 --speed 60`
    plays the day on simulated readers, one at each mat, once ingest has connected to all; it prints the `sources`
    tables that belong into matline.toml. Ctrl-C ends.
    """
    from loadtest.command import Order, run

    order = Order(
        race=race,
        size=size,
        seed=seed,
        speed=speed,
        to=to,
        mylaps=mylaps,
        mylaps_version=mylaps_version,
        out=out,
        truth=truth,
        sources=sources,
        entries=entries,
        protocol=protocol,
        at=at,
    )
    sys.exit(run(order, os.environ))


@app.command()
def office(
    log: Annotated[str, typer.Argument(help="A log, one fact as JSON a line; `-` reads standard input.")],
    until: Annotated[int | None, typer.Option(min=0, help="Stop after this line and read no further.")] = None,
    style: Annotated[
        Literal["json", "text"] | None,
        typer.Option("--format", help="`json`, the default when not at a terminal, or `text`, tables."),
    ] = None,
    lenient: Annotated[bool, typer.Option(help="Set lines aside that are no fact, and count them.")] = False,
) -> None:
    """The race office's lists from a log: entries to look into and why, then prizes, titles and medals as they stand.

    What it goes by are the definition's tables eligibility, compositions, waves, prizes, titles and medals. An entry
    stands until the office decides.
    """
    from services.offline.office_command import run

    sys.exit(run(log, until, style, lenient))


@app.command()
def check(
    files: Annotated[
        list[str], typer.Argument(help="Race definitions (TOML, or .json), or a matline.toml of readers.")
    ],
) -> None:
    """Check race definitions and files of readers: every fault at once, as FILE:LINE: PATH: REASON.

    Of a good one, what is in it.
    """
    from services.offline.check_command import run

    sys.exit(run(files))


@app.command()
def ingest() -> None:
    """Take reads by HTTP and TCP, and officials' facts; write them to the race log.

    Set by MATLINE_KAFKA (127.0.0.1:9092), MATLINE_HOST (127.0.0.1), MATLINE_INGEST_PORT (8701), MATLINE_PARTITIONS,
    and MATLINE_SOURCES: a TOML file with a `sources` table for each reader that connects by TCP (protocol, event,
    gateway, zone, devices), by default on MATLINE_MYLAPS_PORT (3097).

    Without tokens (`matline token`) it serves this machine alone. TLS by MATLINE_TLS_CERT and MATLINE_TLS_KEY, PEM
    files; with MATLINE_TLS_CLIENT_CA clients show a certificate too.
    """
    from services.ingest.command import main

    sys.exit(main(os.environ))


@app.command()
def scoring() -> None:
    """Score the race log: read facts from Kafka, write every athlete's result to the topic `results`.

    Set by MATLINE_KAFKA (127.0.0.1:9092), MATLINE_DATA (.matline; snapshots are kept in it), MATLINE_HOST (127.0.0.1),
    MATLINE_SCORING_PORT (8702, metrics and health), MATLINE_PARTITIONS, MATLINE_SNAPSHOT_S (60), and MATLINE_WORKER:
    this worker's own name, the same after a restart (the machine's). Several workers share the partitions.
    """
    from services.scoring.command import main

    sys.exit(main(os.environ))


@app.command()
def projections() -> None:
    """Turn results into boards in ClickHouse; with chDB in this process, serve the live boards from it too.

    Set by MATLINE_KAFKA (127.0.0.1:9092), MATLINE_CLICKHOUSE (chdb:///FOLDER, or http://HOST:8123), MATLINE_HOST
    (127.0.0.1), MATLINE_PROJECTIONS_PORT (8703, metrics and health), MATLINE_PARTITIONS. One of them is enough.
    """
    from services.live.command import beside
    from services.projections.command import main

    sys.exit(main(os.environ, beside))


@app.command()
def demo(
    size: Annotated[int, typer.Option(min=50, max=100_000, help="Entrants of the simulated race.")] = 11_000,
    keep: Annotated[bool, typer.Option("--keep", help="Leave everything running at the end, with the page.")] = False,
    data: Annotated[Path, typer.Option(help="Its folder; what an earlier demo left there goes.")] = Path(
        ".matline/demo"
    ),
) -> None:
    """See all of it at work: a recorded session over TCP, a race of 11,000 over HTTP and TCP, final boards, checks.

    Ends with exit code 0 only if every check holds.
    """
    from services.demo.run import main

    sys.exit(main(size, keep, data))


@app.command()
def verify(
    event: Annotated[str, typer.Argument(help="The event's id.")],
    live: Annotated[str | None, typer.Option(help="The live API's address, else MATLINE_LIVE.")] = None,
    seed: Annotated[int, typer.Option(help="Draws the batches; any gives the same.")] = 1,
) -> None:
    """Score an event's log once more from its first record, and hold it against what the live API serves.

    Exit code 0: the same to the byte; 1: different, with the first difference; 2: could not be told.
    """
    from services.operate.verify import main

    sys.exit(main(event, os.environ, live, seed))


@app.command()
def live() -> None:
    """Serve boards, feeds, event streams and the page, from a ClickHouse server.

    Set by MATLINE_CLICKHOUSE (http://HOST:8123), MATLINE_KAFKA (127.0.0.1:9092), MATLINE_HOST (127.0.0.1),
    MATLINE_LIVE_PORT (8700), MATLINE_LIVE_CACHE_MIB (128) and MATLINE_TOKENS. With ClickHouse in process (chDB) the
    projections serve live themselves; this command is for a server.
    """
    from services.live.command import main

    sys.exit(main(os.environ))


@app.command()
def rebuild(
    data: Annotated[Path, typer.Option(help="The folder that `matline up` has.")] = Path(".matline"),
    clickhouse: Annotated[str | None, typer.Option(help="A ClickHouse server's address, where one is used.")] = None,
) -> None:
    """Make the boards anew from the race log: snapshots go, the old tables are put beside. Stop the stack first."""
    from services.operate.rebuild import main

    sys.exit(main(data, clickhouse, os.environ))


@app.command()
def schema() -> None:
    """Print JSON Schemas of facts and results, for those who write gateways or read results."""
    from services.offline.json_schema import text

    sys.stdout.write(text())


export = typer.Typer(no_args_is_help=True, help="Write out what the pipeline holds.")
app.add_typer(export, name="export")


@export.command("log")
def export_log(event: Annotated[str, typer.Argument(help="The event's id.")]) -> None:
    """Print an event's race log, one fact as JSON a line, to the end that it has now; `matline score` reads it."""
    from services.ingest.command import export_log as run

    sys.exit(run(event, os.environ))


_Log = Annotated[str, typer.Argument(help="A log, one fact as JSON a line; `-` reads standard input.")]
_Only = Annotated[list[str] | None, typer.Option("--only", help="Only this one, by its id; may be repeated.")]
_Style = Annotated[
    Literal["csv", "xlsx"] | None, typer.Option("--format", help="By default what --out ends in, else csv.")
]
_Out = Annotated[Path | None, typer.Option(help="A file; of several CSV tables a folder. Without it: printed.")]
_Lenient = Annotated[bool, typer.Option(help="Set lines aside that are no fact, and count them.")]


@export.command("results")
def export_results(
    log: _Log, only: _Only = None, style: _Style = None, out: _Out = None, lenient: _Lenient = False
) -> None:
    """Boards, team boards and delegations of a log, with splits and age grades, and who did not finish.

    `matline export results race.jsonl --out results.xlsx` makes a sheet of each, `--out FOLDER` a CSV file of each.
    """
    from services.offline.export.command import Order, export_tables

    sys.exit(export_tables("results", log, Order(only or [], style, out, lenient)))


@export.command("start-list")
def export_start_list(
    log: _Log, only: _Only = None, style: _Style = None, out: _Out = None, lenient: _Lenient = False
) -> None:
    """Who is entered, a list for each race, by wave and bib."""
    from services.offline.export.command import Order, export_tables

    sys.exit(export_tables("start-list", log, Order(only or [], style, out, lenient)))


@export.command("medals")
def export_medals(log: _Log, style: _Style = None, out: _Out = None, lenient: _Lenient = False) -> None:
    """Who gets a medal for finishing within the limits, by the definition's table medals."""
    from services.offline.export.command import Order, export_tables

    sys.exit(export_tables("medals", log, Order([], style, out, lenient)))


@export.command("prizes")
def export_prizes(
    log: _Log, only: _Only = None, style: _Style = None, out: _Out = None, lenient: _Lenient = False
) -> None:
    """Prizes, overall and of each category, and titles, by the definition's tables prizes and titles.

    Two tables, `prizes` and `titles`: a CSV on standard output takes --only one of them.
    """
    from services.offline.export.command import Order, export_tables

    sys.exit(export_tables("prizes", log, Order(only or [], style, out, lenient)))


@export.command("wanda")
def export_wanda(
    logs: Annotated[list[str], typer.Argument(help="The logs of one or more events, each with a marathon.")],
    contacts: Annotated[
        Path | None, typer.Option(help="CSV: email, date_of_birth, name_prefix, name_suffix; see below.")
    ] = None,
    style: _Style = None,
    out: _Out = None,
    lenient: _Lenient = False,
) -> None:
    """Marathon finishers for the AbbottWMM Wanda rankings: twelve columns, each athlete's fastest chip time.

    Personal columns are on no log. They come from --contacts: people by bib (and event, with several logs), or by
    first_name, last_name and birth_year or date_of_birth.
    """
    from services.offline.export.command import Order
    from services.offline.export.command import export_wanda as run

    sys.exit(run(logs, contacts, Order([], style, out, lenient)))


@export.command("standings")
def export_standings(log: _Log, out: _Out = None, lenient: _Lenient = False) -> None:
    """The standings document as JSON, as `matline score` prints it."""
    from services.offline.export.command import export_standings as run

    sys.exit(run(log, out, lenient))


@app.command()
def up(
    data: Annotated[Path, typer.Option(help="The folder that holds everything; made if missing.")] = Path(".matline"),
    kafka: Annotated[str | None, typer.Option(help="A Kafka to use, HOST:PORT; none is started then.")] = None,
    clickhouse: Annotated[str | None, typer.Option(help="A ClickHouse to use, http://HOST:PORT.")] = None,
    sources: Annotated[Path | None, typer.Option(help="A TOML file that names the readers ([[sources]]).")] = None,
    partitions: Annotated[int, typer.Option(min=1, max=1000, help="Of race-log, when it is made.")] = 4,
    live_port: Annotated[int, typer.Option(help="Boards and page.")] = 8700,
    ingest_port: Annotated[int, typer.Option(help="Reads and officials' facts, by HTTP.")] = 8701,
    scoring_port: Annotated[int, typer.Option(help="Scoring's metrics and health.")] = 8702,
    projections_port: Annotated[int, typer.Option(help="The projections' metrics and health.")] = 8703,
    mylaps_port: Annotated[int, typer.Option(help="MYLAPS Timing & Scoring, by TCP.")] = 3097,
    kafka_port: Annotated[int, typer.Option(help="The embedded Kafka.")] = 9092,
    controller_port: Annotated[int, typer.Option(help="The embedded Kafka's own second port.")] = 9093,
) -> None:
    """Start everything on this machine: Kafka, ingest, scoring, projections and live boards. Ctrl-C stops it.

    A second start on the same folder goes on where the first stopped.
    """
    from services.operate.up import Ports, UpSettings, run, say_in_colour

    ports = Ports(
        live=live_port,
        ingest=ingest_port,
        scoring=scoring_port,
        projections=projections_port,
        mylaps=mylaps_port,
        kafka=kafka_port,
        controller=controller_port,
    )
    settings = UpSettings(
        data=data, ports=ports, kafka=kafka, clickhouse=clickhouse, sources=sources, partitions=partitions
    )
    sys.exit(run(settings, say_in_colour))


rejected = typer.Typer(no_args_is_help=True, help="What was put aside: found, shown, read again.")
app.add_typer(rejected, name="rejected")
_RejectedEvent = Annotated[str | None, typer.Option("--event", help="Of this event.")]
_RejectedSource = Annotated[str | None, typer.Option("--source", help="Put aside by: http, mylaps, scoring, ...")]
_RejectedGateway = Annotated[str | None, typer.Option("--gateway", help="Sent by this gateway.")]
_RejectedReason = Annotated[str | None, typer.Option("--reason", help="With these words in the reason.")]


@rejected.command("list")
def rejected_list(
    event: _RejectedEvent = None,
    source: _RejectedSource = None,
    gateway: _RejectedGateway = None,
    reason: _RejectedReason = None,
    last: Annotated[int, typer.Option(min=1, max=100_000, help="How many, the newest.")] = 50,
) -> None:
    """List what ingest and scoring could not take, with the reason; on the Kafka of MATLINE_KAFKA."""
    from services.operate.rejected import Wanted
    from services.operate.rejected_command import list_main

    sys.exit(list_main(os.environ, Wanted(event=event, source=source, gateway=gateway, reason=reason), last))


@rejected.command("show")
def rejected_show(offsets: Annotated[list[int], typer.Argument(help="As `matline rejected list` shows them.")]) -> None:
    """Show all of it: where it came from, why it was put aside, and its bytes."""
    from services.operate.rejected_command import show_main

    sys.exit(show_main(os.environ, offsets))


@rejected.command("replay")
def rejected_replay(
    offsets: Annotated[list[int] | None, typer.Argument(help="Offsets; or choose by options.")] = None,
    event: _RejectedEvent = None,
    source: _RejectedSource = None,
    gateway: _RejectedGateway = None,
    reason: _RejectedReason = None,
    to: Annotated[str | None, typer.Option(help="Ingest's address; by default that of MATLINE_HOST.")] = None,
    dry_run: Annotated[bool, typer.Option(help="Only say what would be sent.")] = False,
) -> None:
    """Read it again, with this release and the settings of now, and send to ingest what can be read.

    Once the cause is mended: a zone in matline.toml (MATLINE_SOURCES), or a newer release. HTTP bodies and reads, and
    MYLAPS frames. Sent twice counts once. MATLINE_TOKEN: a gateway's token, an official's for markers.
    """
    from services.operate.rejected import Wanted
    from services.operate.rejected_command import replay_main

    chosen = frozenset(offsets) if offsets else None
    wanted = Wanted(offsets=chosen, event=event, source=source, gateway=gateway, reason=reason)
    sys.exit(replay_main(os.environ, wanted, to, dry_run))


token = typer.Typer(no_args_is_help=True, help="Who may write, and read: bearer tokens, made, listed, revoked.")
app.add_typer(token, name="token")


@token.command("add")
def token_add(
    role: Annotated[
        Literal["gateway", "official", "reader"],
        typer.Argument(help="gateway: pushes reads; official: writes facts; reader: reads the live boards."),
    ],
    name: Annotated[str, typer.Argument(help="Whose it is; of an official it stands beside his facts.")],
    event: Annotated[list[str], typer.Option(help="An event it is for; may be repeated; '*' is all.")],
    gateway: Annotated[
        list[str] | None, typer.Option(help="A gateway it may speak for; may be repeated; by default NAME.")
    ] = None,
) -> None:
    """Make a token and print it, this once.

    A holder has two at most: make the new one, put it in place, revoke the old one. The file is MATLINE_TOKENS, else
    tokens.json in MATLINE_DATA (.matline). Services take a change up by themselves.
    """
    from services.operate.tokens_command import add_main

    sys.exit(add_main(os.environ, role, name, event, gateway or []))


@token.command("list")
def token_list() -> None:
    """Show all tokens: whose, for what, made when; never the tokens themselves."""
    from services.operate.tokens_command import list_main

    sys.exit(list_main(os.environ))


@token.command("revoke")
def token_revoke(ids: Annotated[list[str], typer.Argument(help="Ids as `matline token list` shows them.")]) -> None:
    """Make tokens invalid at once."""
    from services.operate.tokens_command import revoke_main

    sys.exit(revoke_main(os.environ, ids))


gateway = typer.Typer(no_args_is_help=True, help="Timing hardware: try a reader before the race.")
app.add_typer(gateway, name="gateway")


@gateway.command("test")
def gateway_test(
    protocol: Annotated[str, typer.Argument(help="mylaps, raceresult, chronotrack, ipico, ultra or llrp.")],
    address: Annotated[
        str, typer.Argument(help="HOST:PORT of the reader; for mylaps and chronotrack, which call us, our own.")
    ],
    zone: Annotated[str | None, typer.Option(help="Where its clock stands; by default as this machine's.")] = None,
    seconds: Annotated[float | None, typer.Option(min=0.1, help="End after so long; by default at Ctrl-C.")] = None,
) -> None:
    """See what a reader says: handshake, state, clock, reads as they come, and what of it cannot be read.

    Nothing is stored, and nothing is sent that changes the reader or takes what is meant for ingest: stored reads stay
    there, MYLAPS messages are not acknowledged. `matline gateway test raceresult 192.168.7.20`, and `matline gateway
    test mylaps 0.0.0.0:3097` with the exporter told to call this machine. Exit code 1: nobody was there, or it speaks
    something else.
    """
    from services.operate.gateway_test import WatchOrder, main

    sys.exit(main(WatchOrder(protocol=protocol, address=address, zone=zone, seconds=seconds)))


topics = typer.Typer(no_args_is_help=True, help="The Kafka topics: make them on a cluster, or check them.")
app.add_typer(topics, name="topics")


@topics.command("create")
def topics_create(
    partitions: Annotated[int, typer.Option(min=1, max=1000, help="Of race-log and results.")] = 12,
    replication: Annotated[int, typer.Option(min=1, max=7, help="Copies of each record.")] = 3,
) -> None:
    """Make the topics that are missing on the Kafka of MATLINE_KAFKA."""
    from services.runtime.topics_admin import create_main

    sys.exit(create_main(os.environ, partitions, replication))


@topics.command("check")
def topics_check() -> None:
    """Check that the topics are there and that their partitions fit together."""
    from services.runtime.topics_admin import check_main

    sys.exit(check_main(os.environ))


def main() -> None:
    """Run the command; SIGINT ends it, also where it was started in the background of a script.

    A shell without job control starts background commands with SIGINT ignored, and Python then leaves it ignored: a
    `matline simulate ... &` of a script, or of a test run that is itself in the background, could not be ended by it.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    app()


if __name__ == "__main__":
    main()
