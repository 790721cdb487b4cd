"""Findings in the words of a race office: what happened, to what, and what to do next. Pure."""

from collections.abc import Callable
from typing import Any, NamedTuple

from schemas.ids import US
from services.formatting.times import LocalClock, format_seconds
from services.formatting.words import join_words
from services.health.health_document import Finding, FindingKind

NAMED_MAX = 20


class FindingText(NamedTuple):
    """A finding for people: a heading, what was seen, and what to do next."""

    title: str
    seen: str
    todo: str


_TITLES: dict[FindingKind, str] = {
    "clock_off": "A clock is wrong",
    "gun_suspect": "A gun looks wrong",
    "start_signal": "A start signal has no matching gun",
    "device_silent": "A device is silent",
    "point_missing": "A mat misses athletes",
    "finish_missing": "The finish misses athletes",
    "chips_unknown": "Chips that nobody wears",
    "chips_stay": "A chip stays at a mat",
}


def describe(finding: Finding, clock: LocalClock) -> FindingText:
    """Return a finding in words, with local times of day."""
    say = clock.at if finding.kind == "start_signal" else clock.second  # a gun's time is exact
    seen, todo = _WORDS[finding.kind](finding, say)
    cases = finding.evidence.get("cases", [])
    if cases:
        seen += f" This explains {_counted(len(cases), 'open case')}: {_some(cases)}."
    return FindingText(_TITLES[finding.kind], seen, todo)


def heading(finding: Finding) -> str:
    """Return a finding in a few words: its kind and its subject."""
    subject = finding.subject
    if "points" in subject:
        about = _points(finding)
    elif "bibs" in subject:
        about = f"{_some(subject['bibs'], finding.evidence['athletes'])} at mat {subject['mat']}"
    elif "mat" in subject:
        about = _devices(finding)
    elif "starts" in subject:
        about = f"{_starts(subject['starts'])}, by {join_words(subject['devices'])}"
    elif "race" in subject:
        about = subject["race"] + (f", wave {subject['wave']}" if "wave" in subject else "")
    else:
        about = _some(subject["chips"], finding.evidence["chips"])
    return f"{_TITLES[finding.kind]}: {about}"


Say = Callable[[int], str]


def _clock_off(finding: Finding, local_time: Say) -> tuple[str, str]:
    evidence = finding.evidence
    ahead_us = evidence["ahead_us"]
    way = "ahead" if ahead_us > 0 else "behind"
    by = f"{_duration(ahead_us)} {way}"
    devices = _devices(finding)
    since = f" since {local_time(finding.since_us)}" if evidence["jumped"] and finding.since_us is not None else ""
    if not evidence["sure"] and not evidence["against"]:
        verb = "seem" if "devices" in finding.subject else "seems"
        return (
            f"{devices} {verb} to be about {by}{since}, give or take {_duration(evidence['error_us'])} at least, "
            f"by the paces of {evidence['athletes']} athletes.",
            "Compare the clock with another one, and send clock_corrected with what you find. Athletes' paces will "
            "tell more exactly once more of them have been at the next mat.",
        )
    if not evidence["sure"]:
        against = join_words(evidence["against"])
        return (
            f"{devices} is {by} of {against}{since}, by {evidence['athletes']} passings. "
            "Nothing says yet which is wrong.",
            "Compare the clocks of both with another one, then send clock_corrected for the one that is wrong.",
        )
    if evidence["by"] == "devices":
        how = f"by {evidence['athletes']} passings that {join_words(evidence['against'])} read too"
    else:
        how = f"by the paces of {evidence['athletes']} athletes, give or take {_duration(evidence['error_us'])}"
    verb = "are" if "devices" in finding.subject else "is"
    return (
        f"{devices} {verb} {by}{since}, {how}.",
        "Compare the clock with another one, send the correction below, and leave the clock as it is until the race is "
        "over: setting it needs another correction.",
    )


def _gun_suspect(finding: Finding, local_time: Say) -> tuple[str, str]:
    evidence = finding.evidence
    wave = f", wave {finding.subject['wave']}" if "wave" in finding.subject else ""
    crossed = _counted(evidence["before"], "athlete") + f" of {evidence['athletes']} crossed START before it"
    if evidence["side"] == "after":
        crossed = f"the first of {_counted(evidence['athletes'], 'athlete')} crossed START long after it"
    return (
        f"The gun of race {finding.subject['race']}{wave} is at {local_time(evidence['gun_us'])}; {crossed}. "
        f"They began at {local_time(evidence['first_us'])}. The likely gun is {local_time(evidence['likely_us'])} "
        f"({_HOW.get(evidence['how'], evidence['how'])}).",
        "Ask the starter for the time of the gun, and send the gun below if it is right.",
    )


_HOW = {
    "typed in UTC": "the gun seems to have been typed in UTC",
    "of another day": "the gun seems to have been given the wrong day",
    "of another day and in UTC": "the gun seems to have been typed in UTC, with the wrong day",
    "of another hour": "the gun seems to have been given the wrong hour",
    "of another minute": "the gun seems to have been given the wrong minute",
    "by the first athlete over the line": "when the first of them crossed; it may have been a little before",
}


def _start_signal(finding: Finding, local_time: Say) -> tuple[str, str]:
    evidence, subject = finding.evidence, finding.subject
    verb = "reports" if len(subject["devices"]) == 1 else "report"
    starts = _starts(subject["starts"])
    if evidence["gun_us"] is None:
        gun = f"The gun of {starts} has not been sent"
    else:
        gun = f"The gun of {starts} is at {local_time(evidence['gun_us'])}"
    seen = (
        f"{join_words(subject['devices'])} {verb} a start signal at {local_time(evidence['at_us'])}"
        f" ({join_words(evidence['kinds'])}). {gun}."
    )
    todo = "Ask the starter. If it was this start, send the gun below; if it was none, withdraw the notice"
    notices = f" {join_words(evidence['notices'])}" if evidence["notices"] else ""
    others = [start for start in evidence["waiting"] if start not in subject["starts"]]
    rest = f" It may also be the gun of {_starts(others)}." if others else ""
    return seen, f"{todo}{notices} with fact_withdrawn.{rest}"


def _starts(starts: list[dict[str, str]]) -> str:
    return join_words([start["race"] + (f", wave {start['wave']}" if "wave" in start else "") for start in starts])


def _device_silent(finding: Finding, local_time: Say) -> tuple[str, str]:
    evidence = finding.evidence
    since = "has never read" if finding.since_us is None else f"has read nothing since {local_time(finding.since_us)}"
    if "devices" in finding.subject:
        since = since.replace("has", "have", 1)
    if evidence["others_read"]:
        rest = f"the other devices there read {_counted(evidence['missed'], 'athlete')} since"
    else:
        rest = f"about {_counted(evidence['due'], 'athlete')} should have come by now"
    seen = f"{_devices(finding)} {since}; {rest}."
    return seen, "Send somebody to the mat: power, antenna cables, the reader's own list of reads, its way to us."


def _point_missing(finding: Finding, local_time: Say) -> tuple[str, str]:
    evidence = finding.evidence
    places = _points(finding)
    when = f"from {local_time(finding.since_us)}" if finding.since_us is not None else ""
    when += " on" if evidence["until_us"] is None else f" to {local_time(evidence['until_us'])}"
    stretch = f"it missed {evidence['stretch_missed']} of {evidence['stretch_passed']} {when}"
    if evidence["read_by_backup"]:
        return (
            f"The main devices at {places} read {evidence['read']} of the {evidence['passed']} that passed; {stretch}. "
            "The backup read them, so no result is lost.",
            "Look at the main antennas and their cables; until then results there rest on the backup alone.",
        )
    seen = f"{places} read {evidence['read']} of the {evidence['passed']} that passed; {stretch}."
    if finding.proposal is None:
        return (
            seen,
            "Look at the mat. No waiver is needed or possible here; times can be set from a backup or the video.",
        )
    return seen, (
        "Look at the mat. Send the waiver below to let off those who passed it then; who lacks another point too keeps "
        "their case."
    )


def _finish_missing(finding: Finding, local_time: Say) -> tuple[str, str]:
    evidence = finding.evidence
    if "due" in evidence:
        since = "yet" if finding.since_us is None else f"since {local_time(finding.since_us)}"
        due = _counted(evidence["due"], "athlete")
        seen = f"{_points(finding)} has read nobody {since}; about {due} should have come."
    else:
        seen = (
            f"{_points(finding)} read {evidence['read']} of {evidence['passed']} who should have come; "
            f"{evidence['stretch_missed']} of {evidence['stretch_passed']} due "
            f"from {local_time(finding.since_us or 0)} on are missing."
        )
    return (
        seen,
        "Look at the finish mat at once, and write down bibs and times, or film the line, until it reads again.",
    )


def _chips_unknown(finding: Finding, local_time: Say) -> tuple[str, str]:
    evidence = finding.evidence
    several = evidence["at_two_mats_or_more"]
    verb = "was" if evidence["chips"] == 1 else "were"
    seen = (
        f"{_counted(evidence['chips'], 'chip')} that nobody wears {verb} read from {local_time(finding.since_us or 0)} "
        f"to {local_time(evidence['last_us'])}, {several} of them at several mats as an athlete's would be: "
        f"{_some(finding.subject['chips'], evidence['chips'])}."
    )
    todo = "Find out who wears them: add the entry of a walk-up, or send chip_assigned with the chip and the bib."
    if not finding.proposal:
        return seen, todo
    if (codes := evidence.get("codes")) is not None:
        return seen, _codes_todo(codes, evidence, todo)
    rest = "" if len(finding.proposal) == evidence["chips"] else f" Of the others: {todo[0].lower()}{todo[1:]}"
    return seen, f"Check the chips below against the bibs, and send them.{rest}"


def _codes_todo(codes: dict[str, Any], evidence: dict[str, Any], todo: str) -> str:
    what = "leading zeros"
    if codes.get("prefixes"):
        what = f"{codes['prefixes'][-1]} before them, and perhaps zeros,"
    if codes.get("hex_digits"):
        what = "being written in hexadecimal"
    rest = "" if evidence["explained"] == evidence["chips"] else f" Of the others: {todo[0].lower()}{todo[1:]}"
    return (
        f"{_counted(evidence['explained'], 'chip')} of these differ by {what} from chips of entries. Check some of them"
        f" against the bibs, and send the definition below, by whose table `chips` they are the same.{rest}"
    )


def _chips_stay(finding: Finding, local_time: Say) -> tuple[str, str]:
    evidence = finding.evidence
    bibs = _some(finding.subject["bibs"], evidence["athletes"])
    chips = "The chip of bib" if evidence["athletes"] == 1 else "The chips of bibs"
    verb = "was" if evidence["athletes"] == 1 else "were"
    seen = (
        f"{chips} {bibs} {verb} read at mat {finding.subject['mat']} for hours, from "
        f"{local_time(finding.since_us or 0)} to {local_time(evidence['last_us'])}, in up to "
        f"{_counted(evidence['passings'], 'passing')}."
    )
    return seen, (
        "Look for a chip that lies near the mat, and take it away. Then check these athletes' times there, and set the "
        "right ones with time_set."
    )


_WORDS: dict[FindingKind, Callable[[Finding, Say], tuple[str, str]]] = {
    "clock_off": _clock_off,
    "gun_suspect": _gun_suspect,
    "start_signal": _start_signal,
    "device_silent": _device_silent,
    "point_missing": _point_missing,
    "finish_missing": _finish_missing,
    "chips_unknown": _chips_unknown,
    "chips_stay": _chips_stay,
}


def _devices(finding: Finding) -> str:
    subject = finding.subject
    names = [subject["device"]] if "device" in subject else subject["devices"]
    return f"{join_words(names)} at mat {subject['mat']}"


def _points(finding: Finding) -> str:
    points: list[dict[str, Any]] = finding.subject["points"]
    names = list(dict.fromkeys(point["point"] for point in points))
    races = list(dict.fromkeys(point["race"] for point in points))
    return f"{join_words(names)} (mat {finding.subject['mat']}; {join_words(races)})"


def _duration(duration_us: int) -> str:
    return format_seconds(round(abs(duration_us) / US, 1))


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _some(names: list[str], number: int | None = None) -> str:
    shown = names[:NAMED_MAX]
    more = (len(names) if number is None else number) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")
