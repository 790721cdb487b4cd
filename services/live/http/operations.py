"""The operations of live, each with its parameters, answers and errors. `LiveApi.routes` gives each its handler."""

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from schemas.ids import INSTANT_MAX_US, LABEL_CHARS, Slug
from schemas.named import LANGUAGE_CHARS, LANGUAGE_PATTERN
from schemas.results import Status
from services.fact_effects.sent_kinds import SENT_FACTS
from services.live.documents.announce import Announcement
from services.live.documents.athlete import Athlete, AthleteSearch, ExplainedAthlete
from services.live.documents.board import (
    BoardPage,
    ClockRow,
    CountRow,
    DelegationAnswer,
    DelegationFeedRow,
    FeedRow,
    SplitPage,
    TeamBoardAnswer,
    TeamFeedRow,
)
from services.live.documents.changes import Changes, Preview, WaitingFacts
from services.live.documents.event import Clock, Event, EventList, EventSummary
from services.live.documents.officials import CaseList, HealthReport
from services.live.documents.ops import Operations
from services.live.documents.publication import PublishedAnswer, PublishedDocument, StandingsDocument
from services.live.documents.raceresult import ResultsConfig, ResultsList
from services.live.documents.stream import (
    AthleteBoardsEvent,
    BoardEvent,
    CaseEvent,
    EventChanged,
    Heartbeat,
    PublicationEvent,
    RetractEvent,
    SplitEvent,
    StatusEvent,
    TeamsChanged,
)
from services.live.feed.table import WIDE_MAX
from services.live.http.query import (
    CONTEST_MAX,
    LIMIT_DEFAULT,
    LIMIT_MAX,
    LIST_MAX,
    OFFSET_MAX,
    SEARCH_CHARS,
    SEARCH_LIMIT_DEFAULT,
    SEARCH_LIMIT_MAX,
    SNAPSHOT_ROWS,
    STREAM_LIMIT_MAX,
)
from services.runtime.openapi import Service
from services.runtime.operations import JSON, Answer, Content, Operation, Parameter
from services.runtime.problem_runner import EVERYWHERE

EVENT = "/v1/events/{event}"
OGRAF_PATH = "/overlay/{event}/ograf.zip"

SERVICE = Service(
    title="Matline live",
    says=(
        "Live results: public and read-only unless a token is configured. Every answer names its `revision`, has a"
        " strong `ETag` and honours `If-None-Match`. `HEAD` works wherever `GET` does, but for streams. Any origin may"
        " ask (CORS `*`). Fields are added over time; none is renamed, and none changes its meaning."
    ),
    subjects={
        "events": "The clock, and events with their races and boards.",
        "boards": "Ranked lists of athletes, and feeds of them.",
        "teams": "Team boards and delegations.",
        "athletes": "Athletes with splits and places, and why.",
        "results": "The standings document, publications of it, and what changed.",
        "streams": "Changes as they happen.",
        "officials": "What only officials see, with a token of theirs.",
        "broadcasts": "For announcers and graphics.",
        "operations": "For those who run the service.",
    },
    key=True,
    everywhere=EVERYWHERE,
)

# --- Parameters

_NO_NUL = r"^[^\x00]*$"
_NO_CONTROLS = r"^[^\x00-\x1f\x7f]*$"
_REVISION = Annotated[int, Meta(ge=0, le=INSTANT_MAX_US)]
_Bib = Annotated[str, Meta(pattern=r"^[^\x00-\x1f\x7f]+$", max_length=LABEL_CHARS)]
_Moment = _REVISION | Annotated[datetime, Meta(tz=True)]
_Address = Annotated[str, Meta(pattern=r"^https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._-]*)*$")]

_Language = Annotated[str, Meta(pattern=LANGUAGE_PATTERN, max_length=LANGUAGE_CHARS)]
_LANGUAGE = Parameter("lang", "query", _Language, "The language of names, such as `vi` or `en-GB`.")
_AS_OF = Parameter("as_of", "query", _Moment, "A revision, or an instant with its zone: the answer is that of then.")
_FLAG = Literal["0", "1"]
_IF_NONE_MATCH = Parameter("If-None-Match", "header", str, "An `ETag`: the answer is 304 while it is unchanged.")
_OFFSET = Parameter("offset", "query", Annotated[int, Meta(ge=0, le=OFFSET_MAX)], "How many rows to leave out.")
_IN_EVENT = Parameter("event", "path", Slug, "The id of an event.")
_BIB = Parameter("bib", "path", _Bib, f"A bib, 1 to {LABEL_CHARS} characters; in any case.")
_PUBLISHED_BOARD = Parameter("board", "query", Slug, "A board of the race; without it the race as a whole.")
_RACE = Parameter("race", "path", Slug, "The id of a race.")
_POINT = Parameter("point", "query", Slug, "A point: the order, the times and the gaps are those at that split.")
_ON_COURSE = Parameter(
    "on_course", "query", _FLAG, "With 1, those still on the course follow, the furthest first; not with `point`."
)
_SEARCHED = Annotated[str, Meta(pattern=_NO_CONTROLS, max_length=SEARCH_CHARS)]
_Q = Parameter("q", "query", _SEARCHED, "The beginning of a bib, or words of a name.")


_POINT_PATH = Parameter("point", "path", Slug, "The id of a point.")
_FORMAT = Parameter("format", "path", Literal["json", "csv", "xml"], "How the rows are written.")
_COLS = Parameter(
    "cols",
    "query",
    Annotated[str, Meta(pattern=_NO_CONTROLS)],
    "Of a feed, its columns in order, `label:column` for another name.",
    example="place,Name:name",
)
_WIDE = Parameter(
    "wide",
    "query",
    Annotated[int, Meta(ge=1, le=WIDE_MAX)],
    "Of a feed, so many rows side by side in one, their columns numbered; not with `limit`.",
)
_BOM = Parameter("bom", "query", _FLAG, "Of a feed, with 1 its CSV is for spreadsheets: it begins with a mark.")
_FORM = (_COLS, _WIDE, _BOM)


def _board(says: str) -> Parameter:
    return Parameter("board", "path", Slug, says)


def _limit(most: int, default: int) -> Parameter:
    return Parameter(
        "limit", "query", Annotated[int, Meta(ge=1, le=most)], f"How many rows, {default} unless it is given."
    )


# --- Answers and errors

_ChosenRow = dict[str, str | int | float]  # with `cols` or `wide`, as the request names the columns


def _feed(row: Any) -> dict[str, Content]:
    """Return the bodies of a feed by their suffixes."""
    return {
        ".json": Content(JSON, "The rows, as a root array.", (list[row], list[_ChosenRow])),
        ".csv": Content("text/csv", "The rows below a header row."),
        ".xml": Content("application/xml", "A root of `row`s with an element a column."),
    }


_SHOWN = ("ETag", "X-Revision")
_COUNTED = (*_SHOWN, "X-Total-Count", "X-State", "Link")
_UNCHANGED = Answer(status=304, says="It is what the client has.", headers=_SHOWN)
_PROBLEMS = {
    400: "Something in the path or the query cannot be read, or a parameter is not known.",
    401: "The token is missing, unknown or revoked.",
    403: "The token is not for this event or this kind of request; without tokens: not from this machine.",
}
_LATER = {503: "ClickHouse does not answer, or the data has not reached it yet. With `Retry-After`."}
_UNKNOWN = {404: "There is no such event, or not what the path names in it; `known` lists the first ids."}
_IN_ORDER = {422: "A value is beyond its bounds, or there is no such point."}
_ERRORS = {**_PROBLEMS, **_UNKNOWN, **_LATER}


def _json(says: str, *kinds: Any, headers: tuple[str, ...] = _SHOWN) -> tuple[Answer, ...]:
    """Return the answers of a request that may be conditional."""
    return Answer(says=says, contents=(Content(JSON, "", kinds),), headers=headers), _UNCHANGED


def _get(path: str, name: str, subject: str, title: str, answers: tuple[Answer, ...], **more: Any) -> Operation:
    """Return an operation that reads; parameters in the path come first, `lang` last."""
    own = more.pop("parameters", ())
    in_path = (_IN_EVENT,) if "{event}" in path else ()
    parameters = (*in_path, *own, _LANGUAGE, _IF_NONE_MATCH)
    return Operation(
        method="GET",
        path=path,
        name=name,
        subject=subject,
        title=title,
        answers=answers,
        parameters=parameters,
        **{"problems": _ERRORS, **more},
    )


def _results(answer: str, name: str, title: str, kind: type[Struct], **more: Any) -> Operation:
    return _get(f"/{{event}}/results/{answer}", name, "broadcasts", title, _json("The answer.", kind), **more)


def _older_results(operation: Operation) -> Operation:
    """Return the operation at the address that older clients of RACE RESULT have."""
    return msgspec.structs.replace(
        operation,
        path=operation.path.replace("/results/", "/RRPublish/data/"),
        name=operation.name + "Older",
        title=operation.title + ", at its older address",
    )


# --- The operations

BOARD = _get(
    f"{EVENT}/boards/{{board}}",
    "getBoard",
    "boards",
    "Rows of a board",
    _json("A page of the board.", BoardPage, headers=_COUNTED),
    says="A name with `.json`, `.csv` or `.xml` is a feed, unless a board has that very name.",
    parameters=(
        _board("The id of a board."),
        _OFFSET,
        _limit(LIMIT_MAX, LIMIT_DEFAULT),
        _POINT,
        _ON_COURSE,
        _Q,
        _AS_OF,
        *_FORM,
    ),
    problems={**_ERRORS, **_IN_ORDER},
    suffixes=_feed(FeedRow),
)
TEAM_BOARD = _get(
    f"{EVENT}/teams/{{board}}",
    "getTeamBoard",
    "teams",
    "A team board",
    _json("A page of the teams, with the members who count.", TeamBoardAnswer, headers=_COUNTED),
    parameters=(_board("The id of a team board."), _OFFSET, _limit(LIMIT_MAX, LIMIT_MAX), _AS_OF, *_FORM),
    problems={**_ERRORS, **_IN_ORDER},
    suffixes=_feed(TeamFeedRow),
)
DELEGATION = _get(
    f"{EVENT}/delegations/{{board}}",
    "getDelegation",
    "teams",
    "A delegation",
    _json("A page of the teams.", DelegationAnswer, headers=_COUNTED),
    parameters=(_board("The id of a delegation."), _OFFSET, _limit(LIMIT_MAX, LIMIT_MAX), _AS_OF, *_FORM),
    problems={**_ERRORS, **_IN_ORDER},
    suffixes=_feed(DelegationFeedRow),
)
SPLIT = _get(
    f"{EVENT}/splits/{{race}}/{{point}}",
    "getSplit",
    "boards",
    "Everybody of a race at a point, the fastest first",
    _json("A page of the athletes.", SplitPage, headers=_COUNTED),
    parameters=(_RACE, _POINT_PATH, _OFFSET, _limit(LIMIT_MAX, LIMIT_DEFAULT), _Q, _AS_OF, *_FORM),
    problems={**_ERRORS, **_IN_ORDER},
    suffixes=_feed(FeedRow),
)
COUNTS = _get(
    f"{EVENT}/counts.{{format}}",
    "getCounts",
    "broadcasts",
    "How many athletes have each status and took each point",
    (
        Answer(says="A row a count.", contents=tuple(_feed(CountRow).values()), headers=(*_SHOWN, "X-Total-Count")),
        _UNCHANGED,
    ),
    parameters=(_FORMAT, _OFFSET, _limit(LIMIT_MAX, LIMIT_MAX), _AS_OF, *_FORM),
    problems={**_ERRORS, **_IN_ORDER},
)
CLOCK = _get(
    f"{EVENT}/clock.{{format}}",
    "getClock",
    "broadcasts",
    "The clocks of the races, at this moment",
    (Answer(says="A row a race.", contents=tuple(_feed(ClockRow).values()), headers=_SHOWN), _UNCHANGED),
    parameters=(_FORMAT, *_FORM),
    problems={**_ERRORS, **_IN_ORDER},
)
STREAM = Operation(
    method="GET",
    path=f"{EVENT}/stream",
    name="getStream",
    subject="streams",
    title="Server-sent events of an event, a board or an athlete",
    says=(
        "Without `board` and `bib`, of the whole event in short. The `id` of each event is the revision; a"
        " `heartbeat` without one comes every 5 seconds. `x-events` has the data of each event by its name."
    ),
    parameters=(
        _IN_EVENT,
        Parameter("board", "query", Slug, "The id of a board, team board or delegation; not with `bib`."),
        _POINT,
        _ON_COURSE,
        _limit(STREAM_LIMIT_MAX, SNAPSHOT_ROWS),
        Parameter("bib", "query", _Bib, "A bib; not with `board`."),
        _LANGUAGE,
        Parameter("Last-Event-ID", "header", str, "The last `id` that came: the stream goes on from there."),
    ),
    answers=(
        Answer(
            says="Events until the client leaves.",
            contents=(Content("text/event-stream", "Server-sent events."),),
            headers=("X-Revision",),
        ),
    ),
    problems={**_ERRORS, **_IN_ORDER, 503: "All streams are open, or ClickHouse does not answer. With `Retry-After`."},
    events={
        "snapshot": (BoardPage, TeamBoardAnswer, DelegationAnswer, Athlete, Event, EventSummary),
        "split": (SplitEvent,),
        "status": (StatusEvent,),
        "retract": (RetractEvent,),
        "board": (BoardEvent, TeamsChanged, AthleteBoardsEvent, EventChanged),
        "publication": (PublicationEvent,),
        "case": (CaseEvent,),
        "heartbeat": (Heartbeat,),
    },
)
ATHLETE = _get(
    f"{EVENT}/athletes/{{bib}}",
    "getAthlete",
    "athletes",
    "An athlete with splits, ranks and places",
    _json("The athlete.", Athlete),
    parameters=(_BIB, _AS_OF),
)
EXPLAIN = _get(
    f"{EVENT}/athletes/{{bib}}/explain",
    "explainAthlete",
    "athletes",
    "Why an athlete has this result",
    _json("Each read, used or not and why, and the facts that bear on the athlete.", ExplainedAthlete),
    parameters=(_BIB, _AS_OF),
)
SEARCH = _get(
    f"{EVENT}/athletes",
    "searchAthletes",
    "athletes",
    "Athletes by bib or name, of a race or with a status",
    _json("A page of the athletes found.", AthleteSearch),
    says="At least one of `q`, `race` and `status` is given; a search is without regard to accents.",
    parameters=(
        _Q,
        Parameter("race", "query", Slug, "The id of a race: its athletes by bib, its start list."),
        Parameter("status", "query", Status, "The athletes with this status, by bib."),
        _OFFSET,
        _limit(SEARCH_LIMIT_MAX, SEARCH_LIMIT_DEFAULT),
    ),
    problems={**_ERRORS, **_IN_ORDER},
)
CHANGES = _get(
    f"{EVENT}/changes",
    "getChanges",
    "results",
    "What differs between two revisions, and the facts between",
    _json("A page of the differences; officials see all facts, and each whole.", Changes, headers=(*_SHOWN, "Link")),
    parameters=(
        Parameter("from", "query", _REVISION, "A revision.", required=True),
        Parameter("to", "query", _REVISION, "A later revision, the newest unless it is given."),
        Parameter(
            "offset", "query", Annotated[int, Meta(ge=0, le=OFFSET_MAX)], "How many rows of each list to leave out."
        ),
    ),
    problems={**_ERRORS, **_IN_ORDER},
)
PUBLISHED = _get(
    f"{EVENT}/published/{{race}}",
    "getPublication",
    "results",
    "What was published of a race or a board",
    _json("The publication, its document, and how results differ from it now.", PublishedAnswer),
    parameters=(_RACE, _PUBLISHED_BOARD, _AS_OF),
)
PUBLISHED_DOCUMENT = _get(
    f"{EVENT}/published/{{race}}/document",
    "getPublishedDocument",
    "results",
    "The very bytes that the SHA-256 of a publication is over",
    _json("The document.", PublishedDocument, headers=(*_SHOWN, "X-SHA256", "X-State")),
    parameters=(_RACE, _PUBLISHED_BOARD, _AS_OF),
)
STANDINGS = _get(
    f"{EVENT}/standings",
    "getStandings",
    "results",
    "The standings document",
    _json("The document, without unused reads.", StandingsDocument),
    parameters=(_AS_OF,),
)
ANNOUNCE = _get(
    f"{EVENT}/announce",
    "getAnnouncement",
    "broadcasts",
    "Who comes next to the finish, who has finished, leaders, firsts and cut-offs",
    _json("What somebody at the finish says.", Announcement),
    parameters=(_AS_OF,),
)
CASES = _get(
    f"{EVENT}/cases",
    "getCases",
    "officials",
    "Open and decided cases",
    _json("The cases.", CaseList),
    access="official",
    parameters=(_AS_OF,),
)
FACTS = _get(
    f"{EVENT}/facts",
    "getWaitingFacts",
    "results",
    "The facts that wait for something that they name",
    _json("The facts; officials see them whole.", WaitingFacts),
    parameters=(Parameter("pending", "query", Literal["1"], "Always 1.", required=True), _AS_OF),
)
OPS = _get(
    "/v1/ops",
    "getOperations",
    "officials",
    "How the stack is: alerts, what flows, mats along the course, gateways",
    _json("The stack, with the events of the token.", Operations),
    access="official",
    problems={status: _PROBLEMS[status] for status in (400, 401, 403)},
)
HEALTH = _get(
    f"{EVENT}/health",
    "getHealth",
    "officials",
    "What is wrong with clocks, guns, mats and chips",
    _json("The report.", HealthReport),
    access="official",
    parameters=(_AS_OF,),
)
EVENT_DETAIL = _get(
    EVENT,
    "getEvent",
    "events",
    "An event with its races and boards",
    _json("The event.", Event),
    parameters=(_AS_OF,),
)
EVENTS = _get(
    "/v1/events",
    "getEvents",
    "events",
    "The events, each with its races and their state",
    _json("The events that the request may see.", EventList),
    problems={**_PROBLEMS, **_LATER},
)
TIME = _get("/v1/time", "getTime", "events", "The server's clock", _json("The clock.", Clock), problems=_PROBLEMS)
OGRAF = _get(
    OGRAF_PATH,
    "getOgrafPackage",
    "broadcasts",
    "The graphics of an event as an OGraf package",
    (
        Answer(
            says="A ZIP file.",
            contents=(Content("application/zip", "The package."),),
            headers=(*_SHOWN, "Content-Disposition"),
        ),
        _UNCHANGED,
    ),
    parameters=(
        Parameter(
            "server", "query", _Address, "The address of this service for renderers, which a proxy makes another."
        ),
    ),
)
RESULTS_CONFIG = _results(
    "config",
    "getResultsConfig",
    "The lists of an event, for sites made for RACE RESULT",
    ResultsConfig,
    says="Parameters that are not known are ignored.",
)
RESULTS_LIST = _results(
    "list",
    "getResultsList",
    "A board as a list, for sites made for RACE RESULT",
    ResultsList,
    says="Parameters that are not known are ignored.",
    parameters=(
        Parameter(
            "listname",
            "query",
            Annotated[str, Meta(min_length=1, pattern=_NO_NUL)],
            "The id of a board, or its name; what stands before the last `|` is ignored.",
            required=True,
        ),
        Parameter(
            "contest", "query", Annotated[int, Meta(ge=0, le=CONTEST_MAX)], "The number of a race; 0 stands for all."
        ),
        Parameter(
            "r", "query", Annotated[str, Meta(pattern=_NO_NUL)], "With `leaders`, the number of rows comes below them."
        ),
        Parameter("l", "query", Annotated[int, Meta(ge=0, le=LIST_MAX)], "How many rows; 0 stands for all."),
        Parameter("term", "query", _SEARCHED, "The beginning of a bib, or words of a name."),
    ),
    problems={**_ERRORS, **_IN_ORDER},
)
OLDER_RESULTS_CONFIG = _older_results(RESULTS_CONFIG)
OLDER_RESULTS_LIST = _older_results(RESULTS_LIST)
PREVIEW = Operation(
    method="POST",
    path=f"{EVENT}/preview",
    name="previewFacts",
    subject="officials",
    title="What facts would change; nothing is written",
    access="official",
    parameters=(_IN_EVENT, _LANGUAGE),
    body=(Content(JSON, "One fact, or a list of up to 1,000.", SENT_FACTS),),
    answers=(
        Answer(
            says="What the standings document would differ in.",
            contents=(Content(JSON, "", (Preview,)),),
            headers=("X-Revision",),
        ),
    ),
    problems={
        **_ERRORS,
        400: "The facts are malformed: `faults` names each with its `index` and the reason.",
        408: "The body came too slowly.",
        413: "The body is too large, or has too many facts; `limit` says how many are taken.",
        422: "A definition among the facts is refused: `faults` names every fault by its `path`.",
        500: "The preview could not be worked out; the log of live says why.",
        503: "Three more are being worked out, or what this one needs is not there yet. With `Retry-After`.",
    },
)
