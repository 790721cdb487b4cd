"""Names of invented people: family, middle and given names combined at random."""

from random import Random

from loadtest.dice import one_of, weighted

_VIETNAMESE_FAMILY = (
    ("Nguyễn", 38),
    ("Trần", 12),
    ("Lê", 10),
    ("Phạm", 7),
    ("Hoàng", 5),
    ("Phan", 4),
    ("Vũ", 4),
    ("Đặng", 3),
    ("Bùi", 3),
    ("Đỗ", 3),
    ("Hồ", 2),
    ("Ngô", 2),
    ("Dương", 2),
    ("Lý", 1),
    ("Đinh", 1),
    ("Trịnh", 1),
    ("Mai", 1),
    ("Tạ", 1),
)
_VIETNAMESE = {
    "M": (
        ("Văn", "Đức", "Minh", "Quang", "Hữu", "Anh", "Quốc", "Thanh", "Xuân", "Công", "Ngọc", "Tuấn"),
        (
            "An",
            "Bình",
            "Cường",
            "Dũng",
            "Đạt",
            "Hải",
            "Hiếu",
            "Hùng",
            "Khánh",
            "Kiên",
            "Long",
            "Nam",
            "Phong",
            "Phúc",
            "Quân",
            "Sơn",
            "Tài",
            "Thắng",
            "Thành",
            "Tiến",
            "Toàn",
            "Trung",
            "Tú",
            "Việt",
            "Vinh",
        ),
    ),
    "F": (
        ("Thị", "Ngọc", "Thu", "Minh", "Thanh", "Kim", "Bích", "Hồng", "Phương", "Quỳnh", "Mỹ"),
        (
            "Anh",
            "Chi",
            "Dung",
            "Giang",
            "Hà",
            "Hạnh",
            "Hiền",
            "Hoa",
            "Huệ",
            "Hương",
            "Lan",
            "Linh",
            "Loan",
            "Mai",
            "Nga",
            "Ngân",
            "Nhung",
            "Oanh",
            "Thảo",
            "Thủy",
            "Trang",
            "Tuyết",
            "Uyên",
            "Vân",
            "Yến",
        ),
    ),
}

# By nation: family names, men's and women's given names.
_FOREIGN: dict[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    "JPN": (
        ("Satō", "Suzuki", "Takahashi", "Tanaka", "Itō", "Yamamoto", "Kobayashi", "Katō", "Mori"),
        ("Haruto", "Kenta", "Takumi", "Daiki", "Ryō", "Shōta", "Makoto", "Jun"),
        ("Yui", "Aoi", "Sakura", "Emi", "Haruka", "Naomi", "Mariko"),
    ),
    "GBR": (
        ("Smith", "Jones", "Taylor", "Brown", "Evans", "Wright", "Walker", "O'Neill", "Hughes"),
        ("Oliver", "Harry", "George", "Thomas", "James", "Daniel", "Callum"),
        ("Amelia", "Emily", "Sophie", "Grace", "Charlotte", "Megan"),
    ),
    "USA": (
        ("Johnson", "Williams", "Miller", "Davis", "Garcia", "Anderson", "Moore", "Lee"),
        ("Michael", "David", "Ryan", "Tyler", "Kevin", "Brian", "Jason"),
        ("Jessica", "Ashley", "Sarah", "Megan", "Lauren", "Rachel"),
    ),
    "GER": (
        ("Müller", "Schmidt", "Schneider", "Fischer", "Weber", "Wagner", "Becker", "Groß"),
        ("Lukas", "Jonas", "Felix", "Jürgen", "Stefan", "Björn"),
        ("Anna", "Lena", "Käthe", "Julia", "Katrin", "Sabine"),
    ),
    "FRA": (
        ("Martin", "Bernard", "Dubois", "Lefèvre", "Moreau", "Girard", "Gauthier", "François"),
        ("Hugo", "Louis", "Étienne", "Rémi", "François", "Julien"),
        ("Chloé", "Camille", "Élodie", "Margaux", "Hélène", "Zoé"),
    ),
    "KOR": (
        ("Kim", "Lee", "Park", "Choi", "Jung", "Kang", "Yoon"),
        ("Min-jun", "Seo-jun", "Ji-ho", "Hyun-woo", "Sung-min"),
        ("Seo-yeon", "Ji-woo", "Min-seo", "Ha-eun", "Soo-ah"),
    ),
    "RSA": (
        ("Nkosi", "Dlamini", "Botha", "van der Merwe", "Naidoo", "Mokoena"),
        ("Sipho", "Thabo", "Johan", "Pieter", "Lwazi"),
        ("Thandi", "Lerato", "Anneke", "Nomsa", "Zanele"),
    ),
    "KEN": (
        ("Kiprono", "Kiptanui", "Cheruiyot", "Mutai", "Wanjiru", "Korir", "Rotich"),
        ("Elijah", "Amos", "Gideon", "Moses", "Reuben"),
        ("Faith", "Mercy", "Caroline", "Joyce", "Purity"),
    ),
    "TPE": (
        ("Chen", "Lin", "Huang", "Chang", "Wu", "Tsai"),
        ("Chih-ming", "Chun-hung", "Chia-hao", "Kuo-wei"),
        ("Shu-fen", "Mei-ling", "Ya-ting", "Yi-chun"),
    ),
    "AUS": (
        ("Wilson", "Kelly", "Murphy", "Nguyen-Ward", "Campbell"),
        ("Jack", "Lachlan", "Noah", "Cooper"),
        ("Isla", "Matilda", "Ruby", "Olivia"),
    ),
    "MAS": (
        ("Abdullah", "Tan", "Lim", "Ismail", "Subramaniam"),
        ("Ahmad", "Wei Jie", "Arif", "Raj"),
        ("Nurul", "Siti", "Mei Yee", "Priya"),
    ),
    "ESP": (
        ("García", "Muñoz", "Peña", "Ibáñez", "Núñez"),
        ("Álvaro", "Íñigo", "José", "Andrés"),
        ("Lucía", "Begoña", "Inés", "Sofía"),
    ),
}

FOREIGN_WEIGHTS = (
    ("JPN", 100),
    ("GBR", 50),
    ("USA", 45),
    ("GER", 40),
    ("FRA", 40),
    ("KOR", 38),
    ("RSA", 25),
    ("KEN", 8),
    ("TPE", 25),
    ("AUS", 40),
    ("MAS", 40),
    ("ESP", 15),
)
"""Foreign runners by nation. Source: reports before the HCMC Midnight race: Japan nearly 100 of 500, Britain nearly 50,
then the others up to South Africa in the order of these lines; the rest assumed."""

PLACES = (
    "Hà Nội",
    "TP Hồ Chí Minh",
    "Đà Nẵng",
    "Hải Phòng",
    "Cần Thơ",
    "Quân đội",
    "Công an nhân dân",
    "Phú Yên",
    "Khánh Hòa",
    "Bình Phước",
    "Thanh Hóa",
    "Nghệ An",
    "Lâm Đồng",
    "Đắk Lắk",
    "Quảng Ninh",
    "Nam Định",
    "Thái Nguyên",
    "Sơn La",
    "Lào Cai",
    "An Giang",
    "Đồng Nai",
    "Bình Định",
    "Gia Lai",
    "Hà Tĩnh",
)
"""Provinces, cities and sectors after which units and clubs are named."""


def person(rng: Random, gender: str, nationality: str) -> tuple[str, str]:
    """Return the given and family name of a person of that nation. A Vietnamese given name follows the middle name."""
    sex = "M" if gender == "M" else "F"
    if nationality == "VIE":
        middle, given = _VIETNAMESE[sex]
        return f"{one_of(rng, middle)} {one_of(rng, given)}", weighted(rng, _VIETNAMESE_FAMILY)
    family, men, women = _FOREIGN[nationality]
    return one_of(rng, men if sex == "M" else women), one_of(rng, family)
