"""The answers that sites made for RACE RESULT read; the names and shapes are theirs."""

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from services.live.documents.fields import Revision

Row = Annotated[
    list[str | int],
    Meta(description="An athlete's values, in the order of `DataFields`; or one number, how many rows there are."),
]


class ListEntry(Struct, kw_only=True):
    """A board, by the name under which its list is asked for; `Contest` is the number of its race."""

    name: str = field(name="Name")
    show_as: str = field(name="ShowAs")
    contest: str = field(name="Contest")
    id: str = field(name="ID")
    mode: Literal[""] = field(name="Mode", default="")
    format: Literal["VP"] = field(name="Format", default="VP")
    live: Literal[1] = field(name="Live", default=1)


class TabConfig(Struct, kw_only=True):
    """The lists, where clients of the newer form look for them."""

    lists: list[ListEntry] = field(name="Lists")


class Tab(Struct, kw_only=True):
    """The same once more."""

    config: TabConfig = field(name="Config")


class ResultsConfig(Struct, kw_only=True):
    """What a client reads first: the races by number, the lists, and the `key` and `server` for what it asks next."""

    key: str
    server: str
    eventname: str
    contests: dict[str, str]
    lists: list[ListEntry]
    tab_config: TabConfig = field(name="TabConfig")
    tab: Tab = field(name="Tab")


class ListField(Struct, kw_only=True):
    """A column to show; its values are where `DataFields` has the same `Expression`."""

    expression: str = field(name="Expression")
    label: str = field(name="Label")
    label2: Literal[""] = field(name="Label2", default="")
    alignment: Annotated[int, Meta(description="1: left, 3: right.")] = field(name="Alignment", default=1)
    line: Literal[1] = field(name="Line", default=1)
    color: Literal[""] = field(name="Color", default="")
    link: Literal[""] = field(name="Link", default="")


class ListHead(Struct, kw_only=True):
    """The list's name, its headlines (the event and the board) and its columns."""

    list_name: str = field(name="ListName")
    head_line1: str = field(name="HeadLine1")
    head_line2: str = field(name="HeadLine2")
    fields: list[ListField] = field(name="Fields")


class ResultsList(Struct, kw_only=True):
    """The rows of a board below the name of its race; with `r=leaders` their number in all comes last.

    `event`, `board`, `revision`, `state`, `changed_since_official` and `total` are as elsewhere in this API.
    """

    head: ListHead = field(name="list")
    data_fields: list[str] = field(name="DataFields")
    data: dict[str, list[Row]]
    event: str
    board: str
    revision: Revision
    state: str
    changed_since_official: bool
    total: int
