"""Commands that run Matline: all of it on one machine, a race to try it with, and each service as a process."""

import os
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from services.commands.options import LogFormat, service_environment
from services.commands.plain_help import CommandGroup

START = "Start here"
SERVICES = "Run the services one by one (set by MATLINE_ variables)"

commands = CommandGroup(text="Run Matline.")


@commands.command(rich_help_panel=START)
def demo(
    size: Annotated[
        int, typer.Option(min=50, max=100_000, metavar="N", help="Number of entrants in the simulated race.")
    ] = 11_000,
    keep: Annotated[bool, typer.Option("--keep", help="Leave everything running at the end.")] = False,
    data: Annotated[
        Path, typer.Option(metavar="FOLDER", help="The demo's folder. An earlier demo in it is deleted.")
    ] = Path(".matline/demo"),
) -> None:
    """Watch Matline time a simulated race.

    Plays a recorded reader session over TCP and a race of 11,000 over HTTP and TCP, shows the boards, and checks them.
    The exit code is 0 only if every check holds.
    """
    from services.demo.run import main

    sys.exit(main(size, keep, data))


@commands.command(rich_help_panel=START)
def up(
    data: Annotated[
        Path, typer.Option(metavar="FOLDER", help="The folder for all data. It is made if it is missing.")
    ] = Path(".matline"),
    kafka: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Use this Kafka instead of starting one.")
    ] = None,
    clickhouse: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Use this ClickHouse, http://HOST:PORT, instead of the embedded one."),
    ] = None,
    sources: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A TOML file with a [[sources]] table for each reader.")
    ] = None,
    partitions: Annotated[
        int, typer.Option(min=1, max=1000, metavar="N", help="Partitions of race-log, when it is created.")
    ] = 4,
    live_port: Annotated[int, typer.Option(metavar="PORT", help="For boards and pages.")] = 8700,
    ingest_port: Annotated[int, typer.Option(metavar="PORT", help="For reads and officials' facts over HTTP.")] = 8701,
    scoring_port: Annotated[int, typer.Option(metavar="PORT", help="For scoring's metrics and health.")] = 8702,
    projections_port: Annotated[int, typer.Option(metavar="PORT", help="For projections' metrics and health.")] = 8703,
    mylaps_port: Annotated[int, typer.Option(metavar="PORT", help="For MYLAPS Timing & Scoring over TCP.")] = 3097,
    kafka_port: Annotated[int, typer.Option(metavar="PORT", help="For the embedded Kafka's clients.")] = 9092,
    controller_port: Annotated[int, typer.Option(metavar="PORT", help="For the embedded Kafka's controller.")] = 9093,
    log_format: LogFormat = None,
) -> None:
    """Start the whole stack on this machine.

    Starts Kafka, ingest, scoring, projections and live boards. Ctrl-C stops all of them. The next start on the same
    folder continues from there.
    """
    from services.operate.up import Ports, UpSettings, main

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
    sys.exit(main(settings, service_environment(log_format)))


@commands.command(rich_help_panel=START)
def simulate(
    race: Annotated[
        str,
        typer.Argument(
            metavar="RACE", help="A race that comes with Matline, such as hanoi-half-2024, or a TOML file of your own."
        ),
    ],
    size: Annotated[int, typer.Option(min=1, max=100_000, metavar="N", help="Number of entrants.")] = 500,
    seed: Annotated[int, typer.Option(metavar="N", help="The same seed makes the same day on every machine.")] = 1,
    speed: Annotated[
        float | None,
        typer.Option(
            metavar="FACTOR", help="1 is real time, 60 is a minute in a second. By default as fast as it can."
        ),
    ] = None,
    to: Annotated[
        str | None, typer.Option(metavar="URL", help="Send the day to this ingest, such as http://127.0.0.1:8701.")
    ] = None,
    mylaps: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT",
            help="Send the reads of start and finish to ingest's MYLAPS listener, the rest by --to.",
        ),
    ] = None,
    mylaps_version: Annotated[
        Literal["1", "2.1"], typer.Option(metavar="1|2.1", help="The version of the MYLAPS exporter.")
    ] = "2.1",
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the day as a log. - writes to standard output.")
    ] = None,
    truth: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the true result of each athlete as JSON.")
    ] = None,
    sources: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the [[sources]] that ingest needs for --mylaps.")
    ] = None,
    entries: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the entry list as CSV, in the form that ingest takes.")
    ] = None,
    protocol: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Play the reads on simulated readers that speak this protocol, such as raceresult. An unknown name "
            "lists all of them.",
        ),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT",
            help="Where the first simulated reader listens, or ingest itself if readers of this protocol call it.",
        ),
    ] = None,
) -> None:
    """Simulate a race day whose true results are known.

    The day has entries, guns, reads that come late or twice, mats that miss athletes, and officials' rulings.

    Write it to files and score it:

    \b
      matline simulate hanoi-half-2024 --out race.jsonl --truth truth.json
      matline score race.jsonl

    Send it to a running ingest. If ingest asks for tokens, set MATLINE_GATEWAY_TOKEN and MATLINE_OFFICIAL_TOKEN:

    \b
      matline simulate tien-phong-2024 --to http://127.0.0.1:8701 --speed 60

    Play it on simulated readers, one at each mat. The command prints the [[sources]] to put into matline.toml and
    starts the day once ingest has connected to all readers. Ctrl-C ends it:

    \b
      matline simulate hanoi-half-2024 --protocol raceresult \\
          --to http://127.0.0.1:8701 --speed 60
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


@commands.command(rich_help_panel=SERVICES)
def ingest(log_format: LogFormat = None) -> None:
    """Write reads and officials' facts to the race log.

    Takes them over HTTP and, from readers, over TCP. Settings:

    \b
      MATLINE_KAFKA          Kafka's address (127.0.0.1:9092)
      MATLINE_KAFKA_FOLDER   where a Kafka on this machine keeps its log: nothing
                             is taken while that disk has less than 300 MiB free
      MATLINE_HOST           the address to listen on (127.0.0.1)
      MATLINE_INGEST_PORT    the port for HTTP (8701)
      MATLINE_MYLAPS_PORT    the port for MYLAPS exporters (3097)
      MATLINE_PARTITIONS     the number of partitions that the topics must have
      MATLINE_SOURCES        a TOML file with a [[sources]] table for each reader
      MATLINE_TOKENS         the file of tokens; without tokens only this machine
                             is served (see matline token)
      MATLINE_TLS_CERT       with MATLINE_TLS_KEY: PEM files, to serve HTTPS
      MATLINE_TLS_CLIENT_CA  a PEM file; clients then need a certificate by it
    """
    from services.ingest.command import main

    sys.exit(main(service_environment(log_format)))


@commands.command(rich_help_panel=SERVICES)
def readers(log_format: LogFormat = None) -> None:
    """Read the readers of a file, while no other process does.

    Several may run, each with a data folder of its own: one has the connections, and another takes over when it dies.
    It is matline ingest with MATLINE_SOURCES, and takes the same settings.
    """
    from services.ingest.command import main

    sys.exit(main(service_environment(log_format), standby=True))


@commands.command(rich_help_panel=SERVICES)
def scoring(log_format: LogFormat = None) -> None:
    """Score the race log and write results to Kafka.

    Several workers share the partitions. Settings:

    \b
      MATLINE_KAFKA         Kafka's address (127.0.0.1:9092)
      MATLINE_DATA          the folder for snapshots (.matline)
      MATLINE_HOST          the address to listen on (127.0.0.1)
      MATLINE_SCORING_PORT  the port for metrics and health (8702)
      MATLINE_PARTITIONS    the number of partitions that the topics must have
      MATLINE_SNAPSHOT_S    seconds between two snapshots (60)
      MATLINE_WORKER        this worker's name, the same after a restart (by
                            default the machine's)
    """
    from services.scoring.command import main

    sys.exit(main(service_environment(log_format)))


@commands.command(rich_help_panel=SERVICES)
def projections(log_format: LogFormat = None) -> None:
    """Keep the boards in ClickHouse up to date.

    One process is enough; on a server a second one waits and takes over when the first dies. With the embedded
    ClickHouse (chDB) it also serves the live boards. Settings:

    \b
      MATLINE_KAFKA             Kafka's address (127.0.0.1:9092)
      MATLINE_CLICKHOUSE        chdb:///FOLDER or http://HOST:8123
      MATLINE_HOST              the address to listen on (127.0.0.1)
      MATLINE_PROJECTIONS_PORT  the port for metrics and health (8703)
      MATLINE_PARTITIONS        the number of partitions that the topics must have
    """
    from services.live.command import beside
    from services.projections.command import main

    sys.exit(main(service_environment(log_format), beside))


@commands.command(rich_help_panel=SERVICES)
def live(log_format: LogFormat = None) -> None:
    """Serve boards, feeds and pages from a ClickHouse server.

    With the embedded ClickHouse (chDB), matline projections serves them instead. Settings:

    \b
      MATLINE_CLICKHOUSE      the server's address, http://HOST:8123
      MATLINE_KAFKA           Kafka's address (127.0.0.1:9092)
      MATLINE_HOST            the address to listen on (127.0.0.1)
      MATLINE_LIVE_PORT       the port for HTTP (8700)
      MATLINE_LIVE_CACHE_MIB  the size of the cache in MiB (128)
      MATLINE_SERVICES        services on other machines, for /ops:
                              scoring=http://HOST:8702,...
      MATLINE_TOKENS          the file of tokens (see matline token)
    """
    from services.live.command import main

    sys.exit(main(service_environment(log_format)))
