"""Countries as people write them, to the three letters of sport: codes of the IOC, which World Athletics uses too.

Names in English and Vietnamese, and the ISO codes of two and three letters, are those of Unicode's CLDR. A territory
without an Olympic committee keeps its ISO code. Source: the IOC's list of committees (206, of 2024).
"""

from difflib import get_close_matches
from functools import cache, lru_cache
from typing import NamedTuple

from services.entry_lists.spelling import plain

# ISO 3166-1 of two letters -> the IOC's code, where it is not ISO's code of three letters.
_PAIRS = """
    AE:UAE AG:ANT AO:ANG AS:ASA AW:ARU BB:BAR BD:BAN BF:BUR BG:BUL BH:BRN BM:BER BN:BRU BS:BAH BT:BHU BW:BOT BZ:BIZ
    CG:CGO CH:SUI CL:CHI CR:CRC DE:GER DK:DEN DZ:ALG FJ:FIJ GD:GRN GM:GAM GN:GUI GQ:GEQ GR:GRE GT:GUA GW:GBS HN:HON
    HR:CRO HT:HAI ID:INA IR:IRI KH:CAM KN:SKN KW:KUW KY:CAY LK:SRI LS:LES LV:LAT LY:LBA MC:MON MG:MAD MH:MSH MM:MYA
    MN:MGL MR:MTN MU:MRI MW:MAW MY:MAS NE:NIG NG:NGR NI:NCA NL:NED NP:NEP OM:OMA PH:PHI PR:PUR PS:PLE PT:POR PY:PAR
    SA:KSA SB:SOL SC:SEY SD:SUD SI:SLO SV:ESA TD:CHA TG:TOG TO:TGA TW:TPE TZ:TAN UY:URU VC:VIN VG:IVB VI:ISV VN:VIE
    VU:VAN WS:SAM XK:KOS ZA:RSA ZM:ZAM ZW:ZIM
"""
_IOC = dict(pair.split(":") for pair in _PAIRS.split())
_FORMER_ISO = frozenset(("BUR", "DDR", "FXX", "TMP", "YMD", "ZAR"))  # CLDR lists them beside the codes of today
_NOT_COUNTRIES = frozenset(
    ("AC", "AQ", "BV", "CP", "CQ", "DG", "EA", "EU", "EZ", "HM", "IC", "QO", "TA", "UM", "UN", "ZZ")
)
_OLD_CODES = {"LIB": "LBN", "SIN": "SGP", "UK": "GBR", "ENG": "GBR", "SCO": "GBR", "WAL": "GBR", "NIR": "GBR"}
_TEAMS = frozenset(("AIN", "ANA", "ART", "EOR", "ROT"))  # athletes who compete for no country

# Names and words for people from a country that CLDR does not have, by the IOC's code.
_ALSO = {
    "AUS": "australian, uc chau",
    "AUT": "austrian",
    "BEL": "belgian",
    "BIH": "bosnia, bosnia and herzegovina",
    "BRA": "brazilian, brasil",
    "BRU": "brunei darussalam",
    "CAM": "cambodian, cam pu chia, kampuchea",
    "CAN": "canadian, ca na da",
    "CGO": "congo, republic of the congo",
    "CHN": "chinese, people's republic of china, pr china, prc, mainland china",
    "CIV": "ivory coast, bo bien nga",
    "COD": "dr congo, democratic republic of the congo",
    "CPV": "cabo verde",
    "CZE": "czech republic, czech, cong hoa sec, tiep",
    "DEN": "danish",
    "ESP": "spanish",
    "ETH": "ethiopian",
    "FIN": "finnish",
    "FRA": "french",
    "GBR": "great britain, uk, britain, british, england, english, scotland, scottish, wales, welsh, northern ireland,"
    " united kingdom of great britain and northern ireland, anh, anh quoc, vuong quoc anh",
    "GER": "german, deutschland",
    "GRE": "greek",
    "HKG": "hong kong, hongkong, hong kong china",
    "INA": "indonesian",
    "IND": "indian",
    "IRI": "islamic republic of iran",
    "IRL": "irish, republic of ireland, ai len",
    "ITA": "italian, italia, y",
    "JPN": "japanese, nhat",
    "KEN": "kenyan",
    "KOR": "korea, korean, republic of korea, han, dai han dan quoc",
    "LAO": "lao, lao pdr, laotian",
    "MAC": "macao, macau, ma cao",
    "MAR": "moroccan",
    "MAS": "malaysian, ma lai xi a",
    "MEX": "mexican",
    "MKD": "macedonia",
    "MYA": "burma, myanmar, mien dien",
    "NED": "dutch, holland, the netherlands",
    "NOR": "norwegian",
    "NZL": "new zealander, niu di lan, tan tay lan",
    "PHI": "filipino, filipina, the philippines, phi lip pin",
    "PLE": "palestine",
    "POL": "polish",
    "POR": "portuguese",
    "PRK": "dpr korea, bac trieu tien",
    "RSA": "south african",
    "RUS": "russian, russian federation, lien bang nga",
    "SGP": "singaporean, sing ga po, xin ga po",
    "SUI": "swiss",
    "SWE": "swedish",
    "SWZ": "swaziland",
    "SYR": "syrian arab republic",
    "TAN": "united republic of tanzania",
    "THA": "thai",
    "TLS": "east timor, dong timor",
    "TPE": "chinese taipei, taiwanese",
    "TUR": "turkey, turkish",
    "UGA": "ugandan",
    "UKR": "ukrainian",
    "USA": "us, united states of america, america, american, my",
    "VIE": "vietnamese, viet nam, vn, cong hoa xa hoi chu nghia viet nam, socialist republic of vietnam",
}

NEAR = 0.8  # how alike a name has to be to a known one, to be proposed for it
NEAR_LENGTH = 3  # characters by which such a name may be longer or shorter
NEAR_CACHED = 4_096  # names; a list has the same wrong one in many rows


class Country(NamedTuple):
    """A country's code of the IOC; `also` is another country that the same letters may mean, "" if there is none."""

    code: str
    also: str = ""


class _Known(NamedTuple):
    codes: dict[str, Country]
    names: dict[str, str]


def country_of(text: str) -> Country | None:
    """Return the country of a code or name, None if it is not known.

    A code of the IOC is read before one of ISO: BRN is Bahrain, and not Brunei. Letters with accents are a name: Áo is
    Austria, AO is Angola.
    """
    known = _known()
    letters = plain(text)
    named = known.names.get(letters)
    country = known.codes.get(letters.upper()) if text.isascii() and len(letters) <= 3 else None
    if country is None:
        return None if named is None else Country(named)
    if named is not None and named != country.code and not text.isupper():
        return Country(country.code, named)
    return country


@lru_cache(NEAR_CACHED)
def near_country(text: str) -> str:
    """Return the known name nearest to a text, with its code; "" if none is near."""
    names = _known().names
    letters = plain(text)
    # Comparing takes long, and a list may have a wrong name in every row: only a few are compared.
    alike = [name for name in names if name[0] == letters[:1] and abs(len(name) - len(letters)) <= NEAR_LENGTH]
    near = get_close_matches(letters, alike, n=1, cutoff=NEAR)
    return f"{names[near[0]]} ({near[0]})" if near else ""


@cache
def _known() -> _Known:
    from babel import Locale  # not above: loading CLDR takes a tenth of a second, which only an entry list needs
    from babel.core import get_global

    iso3 = {
        territories[0]: code
        for code, territories in get_global("territory_aliases").items()
        if len(code) == 3 and code.isalpha() and code not in _FORMER_ISO and len(territories) == 1
    }
    names: dict[str, str] = {}
    codes: dict[str, Country] = {}
    iso3_of: dict[str, str] = {}
    for language in ("en", "vi"):
        for territory, name in Locale(language).territories.items():
            if len(territory) == 2 and territory not in _NOT_COUNTRIES and (territory in iso3 or territory in _IOC):
                code = _IOC.get(territory) or iso3[territory]
                names.setdefault(plain(name), code)
                names.setdefault(plain(name.replace("&", "and").replace("St.", "Saint")), code)
                codes[territory] = Country(code)
                iso3_of[iso3.get(territory, code)] = code
    ioc = {*iso3_of.values(), *_TEAMS}
    for text, code in _OLD_CODES.items():
        codes[text] = Country(code)
    for text, code in iso3_of.items():
        codes[text] = Country(code)
    for code in ioc:
        other = iso3_of.get(code, code)
        codes[code] = Country(code, "" if other == code else other)
    for code, others in _ALSO.items():
        for name in others.split(","):
            names[plain(name)] = code
    return _Known(codes, names)
