"""Commands for the people who prepare and run a race: topics, tokens, readers, dead letters, audit, rebuild."""

import os
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from services.commands.options import Event, Stack, stack_environment
from services.commands.plain_help import CommandGroup

HEADING = "Prepare and operate"

commands = CommandGroup(text="Prepare and operate.")

topics = CommandGroup(text="Create the Kafka topics, or check them.")
commands.add_typer(topics, name="topics", rich_help_panel=HEADING)


@topics.command("create")
def topics_create(
    partitions: Annotated[
        int, typer.Option(min=1, max=1000, metavar="N", help="Partitions of race-log and results.")
    ] = 12,
    replication: Annotated[int, typer.Option(min=1, max=7, metavar="N", help="Copies of each record.")] = 3,
) -> None:
    """Create the topics that are missing.

    MATLINE_KAFKA is Kafka's address.
    """
    from services.runtime.topics_admin import create_main

    sys.exit(create_main(os.environ, partitions, replication))


@topics.command("check")
def topics_check(stack: Stack = None) -> None:
    """Check that all topics exist with matching partitions.

    MATLINE_KAFKA is Kafka's address.
    """
    from services.runtime.topics_admin import check_main

    sys.exit(check_main(stack_environment(stack)))


token = CommandGroup(text="Manage the tokens that let clients write or read.")
commands.add_typer(token, name="token", rich_help_panel=HEADING)


@token.command("add")
def token_add(
    role: Annotated[
        Literal["gateway", "official", "reader"],
        typer.Argument(
            metavar="ROLE",
            help="gateway sends reads, official writes facts, reader reads the live boards.",
        ),
    ],
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="The holder. An official's name is stored with each of their facts.")
    ],
    event: Annotated[
        list[str], typer.Option(metavar="EVENT", help="An event that it is valid for, or '*' for all. May be repeated.")
    ],
    gateway: Annotated[
        list[str] | None,
        typer.Option(metavar="ID", help="A gateway that it may send reads for, by default NAME. May be repeated."),
    ] = None,
) -> None:
    """Make a token and print it once.

    The file of tokens is MATLINE_TOKENS, by default tokens.json in MATLINE_DATA (.matline). It keeps only the token's
    hash. Running services notice the change by themselves.

    A holder may have two tokens at a time, so that one can be replaced: add the new one, hand it out, and revoke the
    old one.
    """
    from services.operate.tokens_command import add_main

    sys.exit(add_main(os.environ, role, name, event, gateway or []))


@token.command("list")
def token_list() -> None:
    """List holders, roles and dates, never the tokens."""
    from services.operate.tokens_command import list_main

    sys.exit(list_main(os.environ))


@token.command("revoke")
def token_revoke(
    ids: Annotated[list[str], typer.Argument(metavar="ID", help="Ids that matline token list shows.")],
) -> None:
    """Make tokens invalid at once."""
    from services.operate.tokens_command import revoke_main

    sys.exit(revoke_main(os.environ, ids))


gateway = CommandGroup(text="Try a reader before the race, and import files of readers.")
commands.add_typer(gateway, name="gateway", rich_help_panel=HEADING)


@gateway.command("test")
def gateway_test(
    protocol: Annotated[
        str,
        typer.Argument(
            metavar="PROTOCOL", help="The reader's protocol, such as raceresult. An unknown name lists all of them."
        ),
    ],
    address: Annotated[
        str,
        typer.Argument(
            metavar="HOST[:PORT]",
            help="The reader's address, or, for a protocol whose readers call Matline, the address to listen on.",
        ),
    ],
    zone: Annotated[
        str | None,
        typer.Option(metavar="ZONE", help="The time zone of the reader's clock, by default this machine's."),
    ] = None,
    seconds: Annotated[
        float | None, typer.Option(min=0.1, metavar="SECONDS", help="End after this time, by default at Ctrl-C.")
    ] = None,
    secret: Annotated[
        str | None, typer.Option(metavar="SECRET", help="The password that the reader asks for, as in matline.toml.")
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="A field of the protocol in matline.toml; may be repeated."),
    ] = None,
    ntp: Annotated[
        str, typer.Option(metavar="HOST", help="The NTP server by which this machine's own clock is checked.")
    ] = "pool.ntp.org",
) -> None:
    """Show what a reader sends.

    Shows the handshake, the reader's state and clock, its reads as they come, and everything that cannot be decoded:

    \b
      matline gateway test raceresult 192.168.7.20
      matline gateway test mylaps 0.0.0.0:3097

    Nothing is stored, and nothing is sent that changes the reader or takes reads away from ingest: stored reads stay
    in the reader, and MYLAPS messages are not acknowledged. At the end the reader's clock is judged by this machine's,
    and by an NTP server if one answers. The exit code is 1 if nothing answers, or if it speaks another protocol, and 3
    if a clock is off by more than a second.
    """
    from services.operate.gateway_test import TestOrder, main

    order = TestOrder(
        protocol=protocol, address=address, zone=zone, seconds=seconds, secret=secret, options=option or (), ntp=ntp
    )
    sys.exit(main(order))


@gateway.command("import")
def gateway_import(
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="Files out of devices' memories.")],
    event: Annotated[str, typer.Option(metavar="EVENT", help="The event's id, such as hanoi-half-2024.")],
    device: Annotated[
        list[str] | None,
        typer.Option(
            metavar="DEVICE",
            help="The device of all reads, such as F1; or PLACE=F1 or PLACE/ANTENNA=F1 for the file's own words. May be"
            " repeated.",
        ),
    ] = None,
    zone: Annotated[
        str | None, typer.Option(metavar="ZONE", help="The time zone of the device's clock, by default the event's.")
    ] = None,
    day: Annotated[
        str | None,
        typer.Option(
            metavar="DATE", help="The day of the first read, for times without a date; by default the event's."
        ),
    ] = None,
    began: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="The date and time at which a clock that was never set stood at zero."),
    ] = None,
    shift: Annotated[
        str | None, typer.Option(metavar="SHIFT", help="Added to every time: seconds, or hours such as -01:00:00.")
    ] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=COLUMN", help="A column of a table by heading or number: chip=Tag, time=3. May be repeated."
        ),
    ] = None,
    gateway: Annotated[
        str | None, typer.Option(metavar="ID", help="What the log calls the sender, by default import.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what is in the files, and write nothing.")] = False,
    to: Annotated[
        str | None, typer.Option(metavar="URL", help="The address of ingest, by default on this machine.")
    ] = None,
    stack: Stack = None,
) -> None:
    """Write the reads of files out of devices' memories to the log.

    Takes files of ChronoTrack, RACE RESULT, RFID Timing, IPICO, Trident, MYLAPS and Chronokeep, and tables with
    headings. The format is recognised. Shows the reads of each device, which chips are known, and how many reads are on
    the log already; these are not written again, so a file may be imported twice, and beside the live stream.

    \b
      matline gateway import finish.csv --event hanoi-half-2024 --dry-run

    MATLINE_TOKEN is the token of an official or of the gateway. The exit code is 1 if a file was not taken or has lines
    that cannot be read.
    """
    from services.operate.import_files import ImportOrder, main

    order = ImportOrder(
        event=event,
        devices=device or [],
        zone=zone,
        day=day,
        began=began,
        shift=shift,
        columns=column or [],
        gateway=gateway,
        dry_run=dry_run,
        to=to,
    )
    sys.exit(main(stack_environment(stack), files, order))


rejected = CommandGroup(text="Inspect and replay what could not be processed.")
commands.add_typer(rejected, name="rejected", rich_help_panel=HEADING)
_RejectedEvent = Annotated[str | None, typer.Option("--event", metavar="EVENT", help="Only of this event.")]
_RejectedSource = Annotated[
    str | None, typer.Option("--source", metavar="SOURCE", help="Only from this source: http, mylaps, scoring, ...")
]
_RejectedGateway = Annotated[str | None, typer.Option("--gateway", metavar="ID", help="Only from this gateway.")]
_RejectedReason = Annotated[
    str | None, typer.Option("--reason", metavar="WORDS", help="Only with these words in the reason.")
]


@rejected.command("list")
def rejected_list(
    event: _RejectedEvent = None,
    source: _RejectedSource = None,
    gateway: _RejectedGateway = None,
    reason: _RejectedReason = None,
    last: Annotated[int, typer.Option(min=1, max=100_000, metavar="N", help="Show this many, the newest.")] = 50,
    stack: Stack = None,
) -> None:
    """List dead letters with their reasons.

    A dead letter is a message that ingest or scoring could not process. MATLINE_KAFKA is the address of the Kafka that
    keeps them.
    """
    from services.operate.rejected import DeadLetterFilter
    from services.operate.rejected_command import list_main

    wanted = DeadLetterFilter(event=event, source=source, gateway=gateway, reason=reason)
    sys.exit(list_main(stack_environment(stack), wanted, last))


@rejected.command("show")
def rejected_show(
    offsets: Annotated[list[int], typer.Argument(metavar="OFFSET", help="Offsets that matline rejected list shows.")],
    stack: Stack = None,
) -> None:
    """Show dead letters in full: origin, reason and bytes."""
    from services.operate.rejected_command import show_main

    sys.exit(show_main(stack_environment(stack), offsets))


@rejected.command("replay")
def rejected_replay(
    offsets: Annotated[
        list[int] | None, typer.Argument(metavar="OFFSET", help="Offsets. Without them the options choose.")
    ] = None,
    event: _RejectedEvent = None,
    source: _RejectedSource = None,
    gateway: _RejectedGateway = None,
    reason: _RejectedReason = None,
    to: Annotated[
        str | None, typer.Option(metavar="URL", help="Ingest's address, by default the port of ingest at MATLINE_HOST.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be sent.")] = False,
    stack: Stack = None,
) -> None:
    """Decode dead letters again and send them to ingest.

    Do this once the cause is removed, by a time zone in matline.toml (MATLINE_SOURCES) or by a newer release. HTTP
    bodies, reads and MYLAPS frames can be replayed. Replaying twice does no harm: the second copy is ignored.

    MATLINE_TOKEN is a gateway's token, or an official's for markers.
    """
    from services.operate.rejected import DeadLetterFilter
    from services.operate.rejected_command import replay_main

    chosen = frozenset(offsets) if offsets else None
    wanted = DeadLetterFilter(offsets=chosen, event=event, source=source, gateway=gateway, reason=reason)
    sys.exit(replay_main(stack_environment(stack), wanted, to, dry_run))


@commands.command(rich_help_panel=HEADING)
def doctor(
    event: Annotated[
        str | None, typer.Argument(metavar="EVENT", help="Look at this event's definition, entries and readers too.")
    ] = None,
    stack: Stack = None,
) -> None:
    """Look for faults before a race, and say what to do about each.

    Looks at Kafka and its topics, ClickHouse and its rights, the services, clocks, the disk and its file system,
    tokens, readers and, if it is named, an event. Changes nothing. The exit code is 1 if there is a fault.

    MATLINE_TOKEN is a reader's token, where live asks for one. MATLINE_SERVICES names services on other machines:
    scoring=http://HOST:8702,...
    """
    from services.operate.doctor import main

    sys.exit(main(stack_environment(stack), event))


@commands.command(rich_help_panel=HEADING)
def status(stack: Stack = None) -> None:
    """Show how a running stack is, on one screen.

    Shows the services on this machine, what flows through them, events with their athletes by status, open cases and
    boards, and gateways. The exit code is 1 if a service is not ready.

    MATLINE_SERVICES names services on other machines: scoring=http://HOST:8702,...
    """
    from services.operate.status import main

    sys.exit(main(stack_environment(stack)))


@commands.command(rich_help_panel=HEADING)
def verify(
    event: Event,
    live: Annotated[
        str | None,
        typer.Option(metavar="URL", help="The live API's address, by default MATLINE_LIVE or http://127.0.0.1:8700."),
    ] = None,
    seed: Annotated[
        int, typer.Option(metavar="N", help="Draws the batches in which the log is scored. Any seed gives the same.")
    ] = 1,
    every: Annotated[
        float | None,
        typer.Option(
            min=1,
            max=600,  # BoardsUnverified rises when nothing was compared for 900 s
            metavar="SECONDS",
            help="Compare again and again, beside a race, and serve the verdict as metrics.",
        ),
    ] = None,
    stack: Stack = None,
) -> None:
    """Score an event's log again and compare with the boards.

    The log is read from its first record and compared with what the live API serves. The exit code is 0 if both are
    equal to the byte, 1 if they differ (the first difference is shown), and 2 if they could not be compared.

    With --every it goes on until Ctrl-C, scores only what is new each time, and serves /metrics and /readyz on
    MATLINE_HOST and MATLINE_VERIFY_PORT (8704), for the alert BoardsDiffer.

    MATLINE_KAFKA is Kafka's address, and MATLINE_TOKEN a reader's token, where live asks for one. A matline up on this
    machine is found with its ports by --stack.
    """
    from services.operate import shadow_check, verify

    if every is not None:
        sys.exit(shadow_check.main(event, stack_environment(stack), live, seed, every))
    sys.exit(verify.main(event, stack_environment(stack), live, seed))


@commands.command(rich_help_panel=HEADING)
def backup(
    event: Event,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write to this file, by default EVENT-TIME.jsonl.gz. Plain without .gz."),
    ] = None,
    stack: Stack = None,
) -> None:
    """Write an event's log to a file, with its checksum beside it.

    The log is everything: boards and snapshots are made from it. The lines are those of matline export log, and
    matline import puts them back.

    MATLINE_KAFKA is Kafka's address. A matline up on this machine is found with its ports by --stack.
    """
    from datetime import UTC, datetime

    from services.operate.backup import backup_main

    named = out or Path(f"{event}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.jsonl.gz")
    sys.exit(backup_main(stack_environment(stack), event, named))


events = CommandGroup(text="Archive an event that is over, or reopen it.")
commands.add_typer(events, name="event", rich_help_panel=HEADING)


@events.command("archive")
def event_archive(
    event: Event,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Back its log up to this file, by default EVENT-TIME.jsonl.gz."),
    ] = None,
    despite_reads: Annotated[
        bool, typer.Option("--despite-reads", help="Archive it although reads came within the last 6 hours.")
    ] = False,
    stack: Stack = None,
) -> None:
    """Take an event that is over out of the services' memory.

    First its log is backed up to a file with a checksum, and scored again to see that the boards are right. Boards and
    documents stay, and ingest takes nothing more for the event until matline event reopen. A read that comes at the
    same moment is not lost: the event is then not archived, and the command says so.

    MATLINE_TOKEN is the token of an official. A matline up on this machine is found with its ports by --stack;
    elsewhere MATLINE_KAFKA, MATLINE_LIVE, and MATLINE_HOST with MATLINE_INGEST_PORT give the addresses.
    """
    from datetime import UTC, datetime

    from services.operate.archive import archive_main

    named = out or Path(f"{event}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.jsonl.gz")
    sys.exit(archive_main(stack_environment(stack), event, named, despite_reads))


@events.command("reopen")
def event_reopen(event: Event, stack: Stack = None) -> None:
    """Let an archived event take reads and facts again.

    Its log is read from its first record, and the boards are compared with those that it was archived with. The exit
    code is 1 if they differ.

    MATLINE_TOKEN is the token of an official. A matline up on this machine is found with its ports by --stack;
    elsewhere MATLINE_KAFKA, MATLINE_LIVE, and MATLINE_HOST with MATLINE_INGEST_PORT give the addresses.
    """
    from services.operate.archive import reopen_main

    sys.exit(reopen_main(stack_environment(stack), event))


@commands.command("import", rich_help_panel=HEADING)
def import_log(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file that matline backup wrote.")],
    stack: Stack = None,
) -> None:
    """Put a backed-up log of an event onto the log of this Kafka.

    The file is checked against the checksum beside it and read to its end before anything is written; a file without
    a checksum is imported, and that is said. Facts that are on the log already are not written again, so an import
    that was cut off is simply repeated. If the log has other facts of the event, nothing is written. Send nothing else
    to the event meanwhile; the boards follow by themselves.

    MATLINE_KAFKA is Kafka's address. A matline up on this machine is found with its ports by --stack.
    """
    from services.operate.backup import import_main

    sys.exit(import_main(stack_environment(stack), file))


@commands.command(rich_help_panel=HEADING)
def rebuild(
    data: Annotated[Path, typer.Option(metavar="FOLDER", help="The folder that matline up uses.")] = Path(".matline"),
    clickhouse: Annotated[
        str | None, typer.Option(metavar="URL", help="The address of the ClickHouse server, if one is used.")
    ] = None,
) -> None:
    """Rebuild the boards from the race log.

    Stop the stack first. Snapshots are deleted, and the old tables are kept under another name.
    """
    from services.operate.rebuild import main

    sys.exit(main(data, clickhouse, os.environ))
