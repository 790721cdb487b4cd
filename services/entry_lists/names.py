"""Split full names into family and given names, by the custom of the list.

Names in capitals and a comma say by themselves which part is the family name: `NGUYEN Anh Tuyet`, `Nguyen, Anh Tuyet`.
Otherwise the order decides; in Vietnamese names the family name comes first.
"""

from typing import Literal, NamedTuple

from schemas.names import without_accents

NameOrder = Literal["family_first", "given_first"]

# The commonest Vietnamese family names, without accents: over nine in ten people have one of these.
_FAMILY_NAMES = (
    "nguyen tran le pham hoang huynh phan vu vo dang bui do ho ngo duong ly dinh dao doan vuong trinh truong lam mai"
    " luong luu ha ta to thai cao chau chu dam kieu la mac nghiem ninh phung quach tong trieu tu vi vien than phi"
    " giang hua khuong lai luc quan tang thach ung van am bach co diep giap han hong khuc luyen ma nong on tiet tieu"
    " trang ton uong"
)
_VIETNAMESE = frozenset(_FAMILY_NAMES.split())
_PARTICLE_WORDS = "van von de der den del della di da dos du la le ter ten bin binti al el"
_PARTICLES = frozenset(_PARTICLE_WORDS.split())


class Name(NamedTuple):
    """A name in its two parts; either may be empty."""

    family: str
    given: str


def split_name(text: str, order: NameOrder | None, is_vietnamese: bool) -> Name:
    """Return a full name in two parts.

    Without an `order`, the family name is first if `is_vietnamese` (the list or the athlete), or if only the first
    word is a Vietnamese family name; otherwise it is last.
    """
    family, comma, given = text.partition(",")
    if comma and family.strip() and given.strip():
        return Name(" ".join(family.split()), " ".join(given.split()))
    words = text.replace(",", " ").split()
    if len(words) < 2:
        return Name("", " ".join(words))
    if (count := _capitals(words)) is not None:
        return Name(" ".join(words[:count]), " ".join(words[count:])) if count > 0 else _given_first(words, -count)
    if order is None:
        order = "family_first" if is_vietnamese or _begins_with_family(words) else "given_first"
    if order == "family_first":
        return Name(words[0], " ".join(words[1:]))
    return _given_first(words, _family_words(words))


def _given_first(words: list[str], count: int) -> Name:
    return Name(" ".join(words[-count:]), " ".join(words[:-count]))


def _capitals(words: list[str]) -> int | None:
    """Return how many words in capitals begin the name, or end it (negative), if exactly these are in capitals."""
    is_capital = [len(word) > 1 and word.isupper() and "." not in word for word in words]
    count = sum(is_capital)
    if not 0 < count < len(words):
        return None
    if all(is_capital[:count]):
        return count
    return -count if all(is_capital[-count:]) else None


def _begins_with_family(words: list[str]) -> bool:
    first, last = (without_accents(word).lower() for word in (words[0], words[-1]))
    return first in _VIETNAMESE and last not in _VIETNAMESE


def _family_words(words: list[str]) -> int:
    """Return how many of the last words are the family name: one, with the particles before it in small letters."""
    count = 1
    while count < len(words) - 1 and words[-count - 1] in _PARTICLES:
        count += 1
    return count
