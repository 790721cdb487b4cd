"""Fields that many answers have: instants, times and places."""

from typing import Annotated, Literal

from msgspec import Meta

Revision = Annotated[int, Meta(description="The offset of the log that this is of.")]
InstantUs = Annotated[int, Meta(description="An instant, in microseconds since 1970-01-01 UTC.")]
DurationUs = Annotated[int, Meta(description="A duration in microseconds, exact.")]
LocalInstant = Annotated[str, Meta(description="An instant in the event's time zone, as ISO 8601 writes it.")]
Hms = Annotated[str, Meta(description="A race time as printed, `h:mm:ss`.")]
Seconds = Annotated[int, Meta(description="A printed time in whole seconds.")]
Place = Annotated[int, Meta(description="A place; who ties shares one.")]
Gender = Literal["M", "F", "X"]
