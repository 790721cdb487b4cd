"""What the columns of a list mean: their names in English and Vietnamese, as registration systems write them.

Case, accents, blanks and punctuation do not matter. A name with several parts, `Gender / Giới tính` or `Ngày sinh
(dd/mm/yyyy)`, is known by the first part that is.
"""

import re
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Literal, NamedTuple, get_args

from services.entry_lists.errors import COLUMNS_MAX, UnreadableFile
from services.entry_lists.spelling import plain, shown

NEAR = 0.84  # how alike a name has to be to a known one, to be taken for a slip; `birth_yaer` is 0.89
NEAR_SHORT = 0.75  # of a name of SHORT_CHARS at most, where a slip weighs more: `wawe` is 0.75
SHORT_CHARS = 5
NEAR_CHARS_LEAST = 4  # shorter names are too often alike

Field = Literal[
    "bib",
    "chips",
    "race",
    "gender",
    "given_name",
    "family_name",
    "full_name",
    "family_and_middle_name",
    "middle_name",
    "birth_year",
    "birth_date",
    "nationality",
    "country",
    "division",
    "club",
    "team",
    "wave",
    "personal_best_s",
    "ranked",
]
"""The fields of an entry, and four that become fields: the names in other parts, `birth_date` and `country`."""

_NAMES: dict[Field, str] = {
    "bib": "bib, bib number, bib no, race number, race no, start number, number, so bib, so deo, so ao, so bao danh,"
    " ma bib, bib no.",
    "chips": "chips, chip, timing chip, chip timing, chip code, chip id, chip number, chip no, tag, tags, tag id,"
    " tag code, rfid, rfid code, rfid tag, epc, epc code, transponder, transponder id, ma chip, so chip, ma the,"
    " the chip, ma chip timing, chip 1, chip 2, chip 3, chip 4, ma chip 1, ma chip 2",
    "race": "race, race id, race name, event, event name, distance, course, contest, cu ly, cu li, cu ly chay,"
    " cu ly dang ky, cu ly thi dau, noi dung, noi dung thi dau, duong chay,"
    " race distance, distance km, cu ly km",
    "gender": "gender, sex, gioi tinh, gioi, phai, nam nu, nam hay nu",
    "given_name": "given name, given names, first name, first names, forename, ten, ten goi",
    "family_name": "family name, last name, surname, ho",
    "full_name": "full name, name, athlete, athlete name, runner, runner name, participant, participant name, ho ten,"
    " ho va ten, ten day du, ho ten vdv, ho va ten vdv, ten vdv, ten van dong vien, van dong vien",
    "family_and_middle_name": "ho va ten dem, ho dem, ho va dem, ho va chu dem, ho lot, ho va ten lot, ho ten dem",
    "middle_name": "middle name, middle names, ten dem, ten lot, chu dem",
    "birth_year": "birth year, year of birth, yob, born, year born, nam sinh",
    "birth_date": "birth date, date of birth, dob, birthday, birthdate, ngay sinh, ngay thang nam sinh, sinh ngay,"
    " ngay thang sinh, ngay thang nam sinh",
    "nationality": "nationality, nat, nation, noc, country code, nationality code, quoc tich, ma quoc gia",
    "country": "country, quoc gia, nuoc, dat nuoc, country name, country of residence",
    "division": "division, he, he thi dau",
    "club": "club, club name, running club, clb, cau lac bo, ten clb, ten cau lac bo, clb chay, cau lac bo chay",
    "team": "team, team name, doi, ten doi, doi thi dau, doan, don vi",
    "wave": "wave, start wave, corral, start group, start block, dot xuat phat, dot chay, lan xuat phat, o xuat phat,"
    " nhom xuat phat",
    "personal_best_s": "personal best s, personal best, pb, best time, thanh tich tot nhat",
    "ranked": "ranked, xep hang",
}

_LEFT_OUT = """
    stt, no, tt, so tt, so thu tu, serial, row, id, entry id, registration id, registration no, registration number,
    ma dang ky, order id, order no, order number, order, ma don hang, don hang, ticket, ticket type, ticket id,
    loai ve, ma ve, qr code, barcode, email, e mail, email address, mail, thu dien tu, dia chi email, phone,
    phone number, mobile, mobile phone, telephone, tel, cell phone, sdt, so dien thoai, dien thoai, so dt, dt,
    dien thoai di dong, address, street, city, town, province, state, zip, zip code, postal code, postcode, region,
    dia chi, thanh pho, tinh, tinh thanh, tinh thanh pho, quan huyen, phuong xa, que quan, district, ward,
    shirt, shirt size, t shirt, t shirt size, tshirt, tshirt size, size, size ao, co ao, kich co ao, ao, jersey,
    id number, id card, id card number, passport, passport number, passport no, cccd, cmnd, cmt, cmnd cccd, cccd cmnd,
    so cccd, so cmnd, can cuoc, can cuoc cong dan, so can cuoc, so ho chieu, ho chieu, so giay to, giay to,
    emergency contact, emergency name, emergency phone, emergency contact name, emergency contact phone,
    emergency contact number, emergency contact relationship, lien he khan cap, nguoi lien he khan cap,
    nguoi lien he, sdt khan cap, sdt lien he khan cap, so dien thoai khan cap, so dien thoai lien he khan cap,
    so dien thoai nguoi lien he, blood type, blood group, nhom mau, medical, medical notes, medical conditions,
    medical information, tien su benh, benh ly, tinh trang suc khoe, note, notes, remark, remarks, comment, comments,
    ghi chu, chu thich, status, payment, payment status, paid, price, amount, fee, trang thai, thanh toan,
    trang thai thanh toan, gia, so tien, gia ve, age, tuoi, age group, age category, nhom tuoi, lua tuoi, category,
    hang muc, created at, updated at, date created, registration date, registered at, registration time, timestamp,
    ngay dang ky, thoi gian dang ky, company, cong ty, job, occupation, nghe nghiep, signature, chu ky, ky nhan,
    bib name, name on bib, ten tren bib, ten in tren bib, ten hien thi, facebook, strava, coach, huan luyen vien, hlv,
    language, ngon ngu, waiver, consent, guardian, nguoi giam ho
"""


_KNOWN: dict[str, Field] = {plain(name): field for field, names in _NAMES.items() for name in names.split(",")}
_KNOWN |= {plain(field): field for field in get_args(Field)}
_UNUSED = frozenset(plain(name) for name in _LEFT_OUT.split(",")) - _KNOWN.keys()
_ANY = [*_KNOWN, *_UNUSED]
_PARTS = re.compile(r"[/|()\[\]\n\r:;-]+")
_SINGLE = frozenset(get_args(Field)) - {"chips"}
_REQUIRED: tuple[tuple[tuple[Field, ...], str], ...] = (
    (("bib",), "bib (or Bib Number, Số BIB)"),
    (("gender",), "gender (or Sex, Giới tính)"),
    (("family_name", "full_name", "family_and_middle_name"), "family_name (or Last Name, Họ; or a full name)"),
    (("given_name", "full_name"), "given_name (or First Name, Tên; or a full name)"),
)


class Column(NamedTuple):
    """A column that is read: its place in a row, its name in the file, and the field that it holds."""

    position: int
    name: str
    field: Field


class Columns(NamedTuple):
    """The columns that are read, and the names of those that nobody foresaw. `is_vietnamese`: by names of columns."""

    used: list[Column]
    unforeseen: list[str]
    is_vietnamese: bool

    def has(self, field: Field) -> bool:
        """Return whether a column holds the field."""
        return any(column.field == field for column in self.used)


def is_known(name: str) -> bool:
    """Return whether a header's cell is the name of a column, used or left out."""
    return bool(plain(name)) and (_field(name) is not None or _is_unused(name))


def columns_of(header: Sequence[str], line: int, needs_race: bool) -> Columns:
    """Return what the columns of a header mean. `needs_race`: the list has to name each athlete's race.

    Raises UnreadableFile at `line` for a column that is missing, there twice, or probably misspelt: ignoring a
    misspelt `wave` would lose all waves in silence.
    """
    if len(header) > COLUMNS_MAX:
        raise UnreadableFile(f"the header has {len(header)} columns; at most {COLUMNS_MAX} are read", line)
    used = [Column(index, shown(name), field) for index, name in enumerate(header) if (field := _field(name))]
    columns = Columns(used, [], any(_is_vietnamese(column) for column in used))
    for name in header:
        if plain(name) and not is_known(name):
            _check_not_misspelt(name, columns, line)
            columns.unforeseen.append(shown(name))
    _check_once(columns, line)
    _check_complete(columns, line, needs_race)
    return columns


def _field(name: str) -> Field | None:
    if (field := _KNOWN.get(plain(name))) is not None:
        return field
    if plain(name) in _UNUSED:
        return None
    return next((_KNOWN[letters] for part in _PARTS.split(name) if (letters := plain(part)) in _KNOWN), None)


def _is_unused(name: str) -> bool:
    return plain(name) in _UNUSED or any(plain(part) in _UNUSED for part in _PARTS.split(name))


def _is_vietnamese(column: Column) -> bool:
    """Return whether a column has a Vietnamese name: one that is not made of English words."""
    return column.field in ("full_name", "family_name", "family_and_middle_name", "gender", "birth_date", "race") and (
        plain(column.name).startswith(("ho", "gioi", "ngay", "nam", "cu", "ten", "van"))
    )


def _check_not_misspelt(name: str, columns: Columns, line: int) -> None:
    letters = plain(name)
    if len(letters) < NEAR_CHARS_LEAST:
        return
    near = get_close_matches(letters, _ANY, n=1, cutoff=NEAR_SHORT if len(letters) <= SHORT_CHARS else NEAR)
    field = _KNOWN.get(near[0]) if near else None
    if field is not None and not columns.has(field):
        raise UnreadableFile(
            f"column {shown(name)!r} is not known; did you mean {field}? Rename the column, or delete it", line
        )


def _check_once(columns: Columns, line: int) -> None:
    first: dict[Field, Column] = {}
    for column in columns.used:
        other = first.setdefault(column.field, column)
        if other is not column and column.field in _SINGLE:
            raise UnreadableFile(
                f"columns {other.name!r} and {column.name!r} both mean {column.field}; delete or rename one of them",
                line,
            )


def _check_complete(columns: Columns, line: int, needs_race: bool) -> None:
    required = (*_REQUIRED, (("race",), "race (or Distance, Cự ly)")) if needs_race else _REQUIRED
    missing = [names for fields, names in required if not any(columns.has(field) for field in fields)]
    if missing:
        raise UnreadableFile(f"the header lacks a column {', and '.join(missing)}; add it", line)
