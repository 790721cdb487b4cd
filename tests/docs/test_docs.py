"""What the pages say exists: the rules that are cited, where links lead, and the paths that are named."""

import re
from pathlib import Path

import pytest

from schemas.definition_parse import definition_from_toml

ROOT = Path(__file__).parents[2]
FOLDERS = ("schemas", "services", "races", "loadtest", "deploy", "docs", "tests")
GUIDES = sorted(
    page for name in ("docs/architecture.md", "CONTRIBUTING.md", "docs/add-a-*.md") for page in ROOT.glob(name)
)

RULE = re.compile(r"(?<![\w./-])R[1-9](?:\.\w+)*")
ANCHOR = re.compile(r'<a id="([^"]+)">')
HEADING = re.compile(r"^#+ +(.+?) *$", re.MULTILINE)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
CODE_BLOCK = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
QUOTED = re.compile(r"`([^`\s]+)`")


def files(*suffixes):
    """Every file of the project with one of these suffixes."""
    paths = [path for path in ROOT.iterdir() if path.suffix in suffixes]
    for folder in FOLDERS:
        paths += [path for path in (ROOT / folder).rglob("*") if path.suffix in suffixes]
    return sorted(paths)


def name(path):
    return str(path.relative_to(ROOT))


PAGES = files(".md")


def anchors(page):
    """What a link into a page may name: its explicit anchors, and its headings as GitHub names them."""
    text = page.read_text()
    headings = (re.sub(r"[^\w\- ]", "", re.sub(r"<[^>]*>", "", heading)) for heading in HEADING.findall(text))
    return {*ANCHOR.findall(text), *(heading.strip().lower().replace(" ", "-") for heading in headings)}


def cited_rules(text):
    return set(RULE.findall(text))


def test_every_cited_rule_is_in_the_rulebook():
    rules = set(ANCHOR.findall((ROOT / "docs/rules.md").read_text()))
    missing = {
        f"{name(path)}: {rule}"
        for path in files(".py", ".toml", ".md", ".sql", ".js", ".yaml")
        for rule in cited_rules(path.read_text()) - rules
    }
    assert not missing


def test_rules_are_told_from_other_words():
    text = "Source: R3.4. See R1.gun_fired, R5; not R0, AR1, x.R2 or /R3."
    assert cited_rules(text) == {"R3.4", "R1.gun_fired", "R5"}


def test_no_rule_has_two_places():
    ids = ANCHOR.findall((ROOT / "docs/rules.md").read_text())
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page):
    lost = []
    for link in LINK.findall(CODE_BLOCK.sub("", page.read_text())):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            lost.append(link)
    assert not lost


@pytest.mark.parametrize("page", GUIDES, ids=name)
def test_paths_that_a_guide_names_exist(page):
    """A quoted word with a slash is a path from the project's top, but for URLs and for what a reader makes."""
    text = CODE_BLOCK.sub("", page.read_text())
    named = {word for word in QUOTED.findall(text) if word.split("/")[0] in FOLDERS and "/" in word}
    made = {word for word in named if "NAME" in word or "beacon" in word}  # by those who follow the guide
    lost = [word for word in sorted(named - made) if not any(ROOT.glob(word.rstrip("/")))]
    assert not lost
    assert named


TESTS = {test for path in (ROOT / "tests").rglob("*.py") for test in re.findall(r"def (test_\w+)", path.read_text())}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_tests_that_a_page_names_exist(page):
    named = {word for word in QUOTED.findall(CODE_BLOCK.sub("", page.read_text())) if re.fullmatch(r"test_\w+", word)}
    assert named <= TESTS


def commands(text, program):
    """The first word behind a program's name, wherever a page shows a call of it."""
    blocks = "\n".join(CODE_BLOCK.findall(text))
    pattern = rf"{program} ([a-z][a-z-]*)"
    return [*re.findall(f"`{pattern}", text), *re.findall(f"^{pattern}", blocks, re.MULTILINE)]


def test_every_make_target_that_a_page_names_is_there():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {
        f"{name(page)}: {target}"
        for page in PAGES
        for target in commands(page.read_text(), "make")
        if target not in targets
    }
    assert not named


@pytest.mark.parametrize("page", ["docs/rules.md", "docs/add-a-race.md"])
def test_race_definitions_in_a_page_are_whole(page):
    blocks = re.findall(r"```toml\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)
    for block in blocks:
        definition_from_toml(block.encode())
    assert blocks


@pytest.mark.parametrize("page", [page for page in PAGES if page.parent == ROOT / "docs"], ids=name)
def test_lines_are_no_wider_than_a_page(page):
    text = CODE_BLOCK.sub("", page.read_text())
    assert [line for line in text.splitlines() if len(line) > 120 and not line.startswith("|")] == []
