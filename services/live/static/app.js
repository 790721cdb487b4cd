// The page of an event goes on from what the server has made (web/templates/event.html): it follows the event's stream and
// makes the same elements anew where something has changed. All data is shown as text, never as markup.

import { follow } from "./connection.js";
import { favourites, starButton } from "./favourites.js";
import { filled, podiumText, pointLabel, voidText } from "./phrases.js";
import { WORDS } from "./words.js";

const PAGE = 100;
const LIST_PAGE = 200; // athletes in one answer of a search or a list
const FETCH_GAP_MS = 1000; // a board is fetched at most once a second, however many events arrive
const SPREAD_MS = 300; // so that not all viewers fetch in the same instant
const COUNTS_GAP_MS = 3000;
const RECONNECT_MS = 5000;
const DAY_MS = 86400000;
const YEAR_S = 31536000;
const RIVALS_NAMED = 1; // of those who can still take a place; a phone has no room for more
const ANNOUNCE_GAP_MS = 10000; // the shortest time between two announcements of new rows to a screen reader

const $ = (id) => document.getElementById(id);
const address = new URL(location.href);
const event = decodeURIComponent(address.pathname.slice(1));
const key = address.searchParams.get("key");

const view = {
  race: address.searchParams.get("race"),
  board: address.searchParams.get("board"),
  point: address.searchParams.get("point") || "",
  list: address.searchParams.get("list") || "",
  search: address.searchParams.get("q") || "",
  from: Number(address.searchParams.get("from")) || 0, // how many rows are before the first one
  limit: PAGE,
  bib: address.searchParams.get("bib"),
};
const FAVOURITES = "favourites"; // a list that this browser keeps
const LISTS = { [FAVOURITES]: "", dnf: "DNF", dns: "DNS", dq: "DQ", otl: "OTL", on_course: "ON_COURSE", not_started: "NOT_STARTED", start: "" };
let detail = null; // the event as the server describes it
let unanswered = null; // why the page could not open the event
let delegation = null; // the answer that is shown, if it is one of a delegation
let shown = new Set(); // bibs on the board now
let placed = new Set(); // those of them with a place on the board itself, to mark the new ones
let undecided = false; // whether a place of the shown podium can still change, which it does by the reads of the whole race
let growing = false; // whether somebody on the course, who has no place on the board yet, may come to the shown rows
let shownOf = ""; // the board, point and search of `shown`
let language = document.documentElement.lang; // the server has chosen it

const say = (word) => WORDS[language][word] ?? word;

// --- Elements

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (attribute.startsWith("on")) made.addEventListener(attribute.slice(2), value);
    else made.setAttribute(attribute, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

function notice(text) {
  $("notice").hidden = !text;
  $("notice").textContent = text || "";
}

// --- The server

async function get(path, parameters = {}) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) if (value !== "" && value !== null) query.set(name, value);
  if (key) query.set("key", key);
  const answer = await fetch(query.size ? `${path}?${query}` : path, { cache: "no-cache" });
  if (!answer.ok) throw Object.assign(new Error(answer.statusText), { status: answer.status });
  return answer.json();
}

const base = `/v1/events/${encodeURIComponent(event)}`;

/** Say in the reader's words why an answer did not come. */
function failure(error) {
  const words = { 401: "needsKey", 403: "needsKey", 404: "noEvent" };
  return say(words[error.status] ?? "troubled");
}

/** Return whether the server answered that it cannot answer now. */
const passing = (error) => error.status >= 429;

/** Return functions that run `work` soon or now: one call at a time, and `soon` at most once every `gap` ms. */
function paced(work, gap) {
  let timer = null;
  let busy = false;
  let again = false;
  let last = -Infinity;
  const run = async () => {
    timer = null;
    busy = true;
    last = performance.now();
    try {
      await work();
      notice("");
    } catch (error) {
      if (error.status) notice(failure(error));
      if (passing(error)) setTimeout(soon, RECONNECT_MS); // without a status the stream is lost too, and its return asks again
    } finally {
      busy = false;
      if (again) {
        again = false;
        soon();
      }
    }
  };
  const soon = () => {
    if (busy) again = true;
    else if (timer === null) {
      const wait = last + gap - performance.now();
      timer = setTimeout(run, wait > 0 ? wait + Math.random() * SPREAD_MS : 0);
    }
  };
  const now = () => {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    if (busy) again = true;
    else run();
  };
  return { soon, now };
}

const board = paced(loadBoard, FETCH_GAP_MS);
const counts = paced(loadEvent, COUNTS_GAP_MS);
const athlete = paced(loadAthlete, FETCH_GAP_MS);

// --- One event: races, boards, counts

async function loadEvent() {
  detail = await get(base, { lang: language });
  updated(timeOfDay(detail.updated_at));
  settle();
  showEvent();
  if ($("caption").firstChild && !view.list && !view.search) caption();
}

/** Choose a race and a board where the address names none, or one that there is not. */
function settle() {
  if (!choices().some((choice) => choice.board === view.board)) {
    const race = detail.races.find((known) => known.race === view.race) || detail.races[0];
    view.race = race ? race.race : null;
    view.board = (choices().find((choice) => choice.race === view.race) || choices()[0] || { board: null }).board;
  }
  const chosen = choices().find((choice) => choice.board === view.board);
  if (chosen) view.race = chosen.race;
  const race = detail.races.find((known) => known.race === view.race);
  if (view.point && !race?.points.some((point) => point.point === view.point)) view.point = ""; // of another race
  if (!(view.list in LISTS)) view.list = "";
}

/** Return all boards, team boards and delegations. A delegation belongs to the race of its first team board. */
function choices() {
  const races = Object.fromEntries(detail.team_boards.map((team) => [team.board, team.race]));
  return [
    ...detail.boards.map((known) => ({ ...known, kind: "boards" })),
    ...detail.team_boards.map((team) => ({ ...team, kind: "teams" })),
    ...detail.delegations.map((delegation) => ({ ...delegation, kind: "delegations", race: races[delegation.sum[0]] })),
  ];
}

function showEvent() {
  $("event").hidden = false;
  document.title = `${detail.name} – ${say("title")}`;
  $("name").textContent = detail.name;
  $("date").textContent = dateInWords(detail.date);
  const race = detail.races.find((known) => known.race === view.race);
  tabs($("races"), detail.races.map((known) => [known.race, known.name]), view.race, (chosen) => {
    const first = choices().find((choice) => choice.race === chosen);
    return { race: chosen, board: first ? first.board : null, point: "" };
  });
  tabs($("boards"), choices().filter((choice) => choice.race === view.race).map((choice) => [choice.board, choice.title]), view.list || view.search ? null : view.board, (chosen) => ({
    board: chosen,
  }));
  $("start").textContent = race ? `${say("startsAt")} ${clockOf(race.start)}` : "";
  showCounts(race);
  const isBoard = choices().find((choice) => choice.board === view.board)?.kind === "boards";
  $("points").hidden = !isBoard || Boolean(view.list || view.search);
  const points = race ? race.points.slice(0, -1) : [];
  $("point").replaceChildren(
    element("option", { value: "" }, say("finish")),
    ...points.map((point) => element("option", { value: point.point }, pointWithDistance(point))),
  );
  $("point").value = view.point;
}

/** Return the name of a point with its distance, unless that is its name. */
function pointWithDistance(point) {
  const [name, distance] = [pointLabel(point.name, WORDS[language]), `${point.km} km`];
  return name === distance ? name : `${name} (${distance})`;
}

/** Show how many athletes have each status; each number but that of the finishers leads to a list of them. */
function showCounts(race) {
  const numbers = ["ON_COURSE", "FINISHED", "NOT_STARTED", "OTL", "DNF", "DNS", "DQ"]
    .filter((status) => status === "ON_COURSE" || status === "FINISHED" || race?.counts[status])
    .map((status) => [status.toLowerCase(), say(status), race?.counts[status] || 0]);
  const everybody = everybodyOf(race);
  const current = view.search ? null : view.list || "finished";
  const starred = favourites(event).length;
  const made = JSON.stringify([numbers, everybody, starred, view.race, view.board, current, language]);
  if ($("counts").dataset.made === made) return;
  $("counts").dataset.made = made;
  const focused = document.activeElement?.dataset.list;
  $("counts").replaceChildren(
    ...[...numbers, ["start", say("startList"), everybody], ...(starred || view.list === FAVOURITES ? [[FAVOURITES, `★ ${say("followed")}`, starred]] : [])].map(([list, name, count]) =>
      viewLink({ list: list === "finished" ? "" : list, point: "" }, {
        class: "count", "data-list": list, "aria-current": list === current ? "true" : null,
      }, `${name} `, element("strong", {}, String(count))),
    ),
  );
  if (focused) $("counts").querySelector(`[data-list="${focused}"]`)?.focus({ preventScroll: true });
  reveal($("counts"));
}

/** Return how many athletes a race has. */
const everybodyOf = (race) => Object.values(race?.counts ?? {}).reduce((total, count) => total + count, 0);

function tabs(nav, entries, current, changeTo) {
  const made = JSON.stringify([entries.map(([id, text]) => [id, text, addressOf(changeTo(id)).href]), current]);
  if (nav.dataset.made === made) return; // as it is: a strip that somebody has scrolled stays there
  nav.dataset.made = made;
  const focused = nav.contains(document.activeElement) ? document.activeElement.dataset.id : null;
  nav.replaceChildren(
    ...entries.map(([id, text]) =>
      viewLink(changeTo(id), { "data-id": id, "aria-current": id === current ? "true" : null }, text),
    ),
  );
  if (focused) nav.querySelector(`[data-id="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  reveal(nav);
}

/** Scroll a strip to what is chosen in it. */
function reveal(nav) {
  const chosen = nav.querySelector("[aria-current]");
  if (chosen) nav.scrollTo({ left: chosen.offsetLeft - nav.offsetLeft - nav.clientWidth / 3, top: chosen.offsetTop - nav.offsetTop - nav.clientHeight / 3 });
}

const AFRESH = { limit: PAGE, from: 0, list: "", search: "" }; // of every other view

/** Return a link to another view, which the page goes to by itself unless somebody wants it elsewhere. */
function viewLink(change, attributes, ...children) {
  return element("a", { ...attributes, href: addressOf(change), onclick: (clicked) => {
    if (!opensHere(clicked)) return;
    clicked.preventDefault();
    go(change);
  } }, ...children);
}

/** Return whether a click opens a link here, not in another tab or window. */
const opensHere = (clicked) => !(clicked.button || clicked.ctrlKey || clicked.metaKey || clicked.shiftKey || clicked.altKey);

function go(change) {
  if (!detail) {
    location.assign(addressOf(change)); // the script knows nothing of the event yet
    return;
  }
  Object.assign(view, AFRESH, change);
  $("search").value = view.search;
  remember("push");
  showEvent();
  board.now();
}

const REMEMBERED = { race: "race", board: "board", point: "point", list: "list", q: "search", from: "from", bib: "bib" };

/** Return the address of another view. */
function addressOf(change) {
  return addressWith({ ...view, ...AFRESH, bib: "", ...change });
}

function addressWith(shownView) {
  const next = new URL(location.href);
  for (const [name, value] of Object.entries(REMEMBERED)) {
    if (shownView[value]) next.searchParams.set(name, shownView[value]);
    else next.searchParams.delete(name);
  }
  return next;
}

/** Put the view into the address: as a step that Back takes back ("push"), or in place of the last one ("replace"). */
function remember(how) {
  const next = addressWith(view);
  if (how === "push" && next.href !== location.href) history.pushState(null, "", next);
  else history.replaceState(null, "", next);
}

addEventListener("popstate", () => {
  const parameters = new URL(location.href).searchParams;
  for (const [name, value] of Object.entries(REMEMBERED)) view[value] = parameters.get(name) || "";
  view.from = Number(view.from) || 0;
  $("search").value = view.search;
  if (!detail) return;
  settle();
  showEvent();
  board.now();
  if (view.bib) athlete.now();
  else $("athlete").close();
});

// --- A board

async function loadBoard() {
  const chosen = detail && choices().find((choice) => choice.board === view.board);
  const isList = Boolean(view.search || view.list);
  if (!chosen && !(detail && isList)) return;
  const asked = { ...view };
  const query = isList ? {} : chosen.kind === "boards" ? { offset: view.from, limit: view.limit, point: view.point, on_course: view.point ? "" : "1" } : { offset: view.from, limit: view.limit, lang: language };
  const answer = isList ? await getList() : await get(`${base}/${chosen.kind}/${encodeURIComponent(chosen.board)}`, query);
  if (["board", "point", "list", "search", "from", "limit"].some((name) => asked[name] !== view[name])) return; // the choice has changed since
  const rows = isList ? answer.athletes : answer.rows;
  growing = !isList && chosen.kind === "boards" && (rows.length < asked.limit || rows.at(-1).status === "ON_COURSE");
  undecided = Boolean(answer.podium?.some((place) => !place.decided));
  if (isList) showList(answer);
  else if (chosen.kind === "boards") showBoard(chosen, answer);
  else showTeams(chosen, answer);
  showLegend(isList ? [] : rows);
  $("empty").hidden = rows.length > 0;
  $("empty").replaceChildren(...emptyText(chosen));
  $("frame").hidden = rows.length === 0;
  const end = view.from + rows.length;
  $("previous").hidden = !view.from;
  $("previous").href = addressWith({ ...view, from: Math.max(view.from - PAGE, 0), bib: "" });
  $("more").hidden = !rows.length || end >= answer.total;
  $("more").href = addressWith({ ...view, from: end, bib: "" });
  $("more").textContent = `${say("more")} (${end} ${say("of")} ${answer.total})`;
}

/** Return why there are no rows; of a board, with a link to the start list. */
function emptyText(chosen) {
  const text = say(view.search ? "nobody" : view.list ? "emptyList" : !chosen || chosen.kind === "boards" ? "empty" : "emptyTeams");
  const entered = everybodyOf(detail.races.find((race) => race.race === view.race));
  if (view.search || view.list || chosen?.kind !== "boards" || !entered) return [text];
  return [`${text} `, viewLink({ list: "start", point: "" }, {}, `${say("startList")} (${entered})`)];
}

/** Return the athletes of the whole event that a search finds, or a race's list: those with a status, or all of them. */
async function getList() {
  if (view.list === FAVOURITES && !view.search) return getFavourites();
  const query = view.search ? { q: view.search } : { race: view.race, status: LISTS[view.list] };
  const offsets = Array.from({ length: Math.ceil(view.limit / LIST_PAGE) }, (_, page) => view.from + page * LIST_PAGE);
  const limitOf = (offset) => Math.min(view.from + view.limit - offset, LIST_PAGE);
  const pages = await Promise.all(offsets.map((offset) => get(`${base}/athletes`, { ...query, offset, limit: limitOf(offset) })));
  return { total: pages[0].total, athletes: pages.flatMap((page) => page.athletes) };
}

/** Return this browser's favourites; one that the event does not have any more is left out. */
async function getFavourites() {
  const answers = await Promise.all(
    favourites(event).map((bib) =>
      get(`${base}/athletes/${encodeURIComponent(bib)}`, { lang: language }).catch((error) => {
        if (error.status !== 404) throw error;
        return null;
      }),
    ),
  );
  const flagsIn = (athlete) => [...(athlete.case_open ? ["case"] : []), ...athlete.flags].filter((name) => `flag_${name}` in WORDS[language]);
  const athletes = answers.filter(Boolean).map((athlete) => ({ ...athlete, flags: flagsIn(athlete).join(" ") }));
  return { total: athletes.length, athletes };
}

function showList(answer) {
  const title = view.search ? say("searched") : view.list === "start" ? say("startList") : view.list === FAVOURITES ? say("followed") : say(LISTS[view.list]);
  $("caption").replaceChildren(title);
  $("head").replaceChildren(
    element("tr", {}, heading("bib", "number roomy"), heading("name"), heading("race", "wide"), heading("nat", "wide"), heading("group", "wide"),
      heading("status", "wide"), heading("time", "number")),
  );
  const names = Object.fromEntries(detail.races.map((race) => [race.race, race.name]));
  keyed(answer.athletes, (row) =>
    element("tr", { "data-row": row.bib },
      cell(row.bib, "number roomy"),
      athleteHeading(row, [view.search || view.list === FAVOURITES ? names[row.race] : null, row.nationality, row.age_group].filter(Boolean).join(" · ")),
      cell(names[row.race], "wide"), cell(row.nationality, "wide"), cell(row.age_group, "wide"),
      cell(say(row.status), "wide"),
      element("td", { class: "number time" }, row.time, element("span", { class: "quiet narrow" }, say(row.status)))),
  );
  shownOf = "";
}

/** Make the rows of the table; one whose data are as they were stays the element that it is, with focus and place. */
function keyed(rows, make) {
  const table = $("rows");
  for (const made of [...table.children]) if (!made.dataset.row) made.remove(); // a team's
  const held = new Map([...table.children].map((made) => [made.dataset.row, made]));
  const kind = `${$("head").textContent}/${language}`;
  rows.forEach((row, index) => {
    const data = kind + JSON.stringify(row);
    let made = held.get(row.bib);
    if (made === undefined || made.data !== data) {
      let fresh = make(row);
      if (made && !made.data && textOf(made) === textOf(fresh)) fresh = made; // the server's own
      fresh.data = data;
      const focused = made?.contains(document.activeElement);
      if (made !== fresh) made?.replaceWith(fresh);
      if (focused) fresh.querySelector("[data-bib]")?.focus({ preventScroll: true });
      made = fresh;
    }
    held.delete(row.bib);
    if (table.children[index] !== made) table.insertBefore(made, table.children[index] ?? null);
  });
  for (const gone of held.values()) gone.remove();
}

const textOf = (row) => [...row.children].map((made) => made.textContent.trim()).join("\n");

/** Head the table with the board and the state of its results, which the event tells even where no row changed. */
function caption() {
  const chosen = choices().find((choice) => choice.board === view.board);
  if (!chosen) return $("caption").replaceChildren();
  const race = detail.races.find((known) => known.race === chosen.race);
  const where = view.point && chosen.kind === "boards" ? ` – ${pointName(race, view.point)}` : "";
  const subject = chosen.kind === "delegations" ? delegation : chosen; // whose state the event does not tell
  const state = subject?.changed_since_official ? "changed" : subject?.state;
  $("caption").replaceChildren(`${chosen.title}${where} `);
  if (state) $("caption").append(element("span", { class: "badge", "data-state": state }, say(`state_${state}`)));
  const ranked = basis(chosen, race);
  if (ranked) $("caption").append(" ", element("span", { class: "quiet basis" }, say(ranked)));
  if (subject?.void?.length) $("caption").append(" ", element("span", { class: "quiet basis" }, voidText(subject.void, WORDS[language])));
}

/** Return the words for a board whose places go by another time than the one it prints, null for any other. */
function basis(chosen, race) {
  if (chosen.kind !== "boards" || view.point || chosen.rank_by === race?.official_time) return null;
  return { gun: "rankedByGun", chip: "rankedByChip", gun_then_chip: "rankedByGunThenChip" }[chosen.rank_by];
}

const pointName = (race, id) => pointLabel(race?.points.find((point) => point.point === id)?.name ?? id, WORDS[language]);
const cell = (text, className = "") => element("td", { class: className || null }, text === null || text === undefined ? "" : String(text));
const heading = (word, className = "") => element("th", { scope: "col", class: className || null }, say(word));

function showBoard(chosen, answer) {
  caption();
  const race = detail.races.find((known) => known.race === chosen.race);
  const atPoint = Boolean(view.point) || answer.rows.some((row) => row.status === "ON_COURSE");
  $("head").replaceChildren(
    element("tr", {},
      heading("place", "number"), heading("bib", "number roomy"), heading("name"), heading("nat", "wide"), heading("group", "wide"),
      heading("time", "number"), heading("gap", "number wide"), heading(atPoint ? "expected" : "gun", "number wide"),
      heading(atPoint ? "status" : "chip", atPoint ? "wide" : "number wide"), heading("pace", "number wide"), heading("move", "number wide"),
    ),
  );
  const asked = `${view.board}/${view.point}/${view.search}`;
  const ranked = answer.rows.filter((row) => view.point || row.status !== "ON_COURSE").map((row) => row.bib);
  const fresh = shownOf === asked ? ranked.filter((bib) => !placed.has(bib)) : [];
  const rows = answer.rows.map((row) => ({ ...row, podium: podiumWords(answer, row.bib) }));
  keyed(rows, (row) => boardRow(row, race, atPoint, fresh.includes(row.bib)));
  shown = new Set(answer.rows.map((row) => row.bib));
  placed = new Set(ranked);
  shownOf = asked;
  if (fresh.length) announce(fresh.length);
}

/** Return the address of an athlete's own page. */
function athletePage(bib) {
  const next = new URL(`/${encodeURIComponent(event)}/athletes/${encodeURIComponent(bib)}`, location.href);
  const parameters = new URL(location.href).searchParams;
  for (const name of ["lang", "key"]) if (parameters.has(name)) next.searchParams.set(name, parameters.get(name));
  return next;
}

function athleteHeading(row, short, podium = null) {
  const below = [row.team, row.club].filter(Boolean).join(" · ");
  return element("th", { scope: "row" },
    element("a", { href: athletePage(row.bib), class: "name", "data-bib": row.bib }, row.name),
    below ? element("span", { class: "quiet" }, below) : null,
    element("span", { class: "quiet narrow" }, element("span", { class: "phone" }, short ? `${row.bib} · ` : row.bib), short),
    podium ? element("span", { class: "quiet podium" }, podium) : null,
    flagsOf(row).length ? element("span", { class: "flags" }, ...flagsOf(row).map(flag)) : null,
  );
}

/** Return what the podium says of a bib's place, see `podiumText`. */
function podiumWords(answer, bib) {
  const nameOf = (rival) => (rival.until ? filled(say("until"), { name: rival.name, time: timeOfDay(rival.until) }) : rival.name);
  return podiumText(answer, bib, WORDS[language], { namedMax: RIVALS_NAMED, nameOf });
}

/** Return a row. Of an athlete on the course, place, time and gap are those at the last point, which is named. */
function boardRow(row, race, atPoint, fresh) {
  const onCourse = row.status === "ON_COURSE" && !view.point;
  const where = onCourse ? `${say("at")} ${pointName(race, row.point)}` : null;
  const estimate = onCourse && row.projected_finish ? `${say("expected")} ${row.projected_finish}` : null;
  const short = [row.nationality, row.age_group, estimate].filter(Boolean).join(" · ");
  return element("tr", { class: [fresh ? "fresh" : "", onCourse ? "on-course" : ""].filter(Boolean).join(" ") || null, "data-row": row.bib },
    cell(row.place_text, "number place"),
    cell(row.bib, "number roomy"),
    athleteHeading(row, short, row.podium),
    cell(row.nationality, "wide"),
    cell(row.age_group, "wide"),
    element("td", { class: "number time" }, row.time, where ? element("span", { class: "quiet" }, where) : null, row.gap ? element("span", { class: "quiet narrow" }, row.gap) : null),
    cell(row.gap, "number wide"),
    cell(atPoint ? row.projected_finish : row.gun_time, "number wide"),
    cell(atPoint ? say(row.status) : row.chip_time, atPoint ? "wide" : "number wide"),
    cell(row.pace, "number wide"),
    moved(row.move),
  );
}

// --- Flags: what a result rests on, in words, and explained below the board

const flagsOf = (row) => (row.flags ? row.flags.split(" ") : []);
const flag = (name) => element("span", { class: "flag" }, say(`flag_${name}`));

function explained(flags, means) {
  return flags.map((name) => element("div", {}, element("dt", {}, flag(name)), element("dd", {}, means(name))));
}

function showLegend(rows) {
  const present = [...new Set(rows.flatMap(flagsOf))].sort();
  $("legend").hidden = !present.length;
  $("legend").replaceChildren(...explained(present, (name) => say(`means_${name}`)));
}

/** Return what each flag of an athlete means, with the penalty and the waived points themselves. */
function athleteFlags(result) {
  const flags = ["penalty", "review", "start_assumed", "waived"].filter((name) => result.flags.includes(name));
  const values = {
    penalty: `${result.penalty_us < 0 ? "−" : "+"}${Math.abs(result.penalty_us) / 1e6} s`,
    waived: result.waived.map((point) => pointName(detail.races.find((known) => known.race === result.race), point)).join(", "),
  };
  return explained(result.case_open ? ["case", ...flags] : flags, (name) => [values[name], say(`means_${name}`)].filter(Boolean).join(". "));
}

function moved(move) {
  if (!move) return cell("", "number wide");
  const word = say(move > 0 ? "up" : "down");
  return element("td", { class: `number wide ${move > 0 ? "up" : "down"}` },
    element("span", { "aria-hidden": "true" }, `${move > 0 ? "▲" : "▼"} ${Math.abs(move)}`),
    element("span", { class: "hidden" }, `${word} ${Math.abs(move)}`),
  );
}

function showTeams(chosen, answer) {
  if (chosen.kind === "delegations") delegation = answer;
  caption();
  const members = chosen.kind === "teams";
  $("head").replaceChildren(
    element("tr", {}, heading("place", "number"), heading("team"), heading("score", "number"), members ? heading("members", "roomy") : null),
  );
  $("rows").replaceChildren(
    ...answer.rows.map((row) => {
      const counting = members ? row.members.map((member) => `${member.name} (${member.score_text})`).join(", ") : "";
      return element("tr", {},
        cell(row.place_text, "number place"),
        element("th", { scope: "row" }, row.team, members ? element("span", { class: "quiet phone" }, counting) : null),
        cell(row.score_text, "number time"),
        members ? cell(counting, "roomy") : null,
      );
    }),
  );
  shownOf = "";
}

let announcedAt = -Infinity;

function announce(count) {
  if (performance.now() - announcedAt < ANNOUNCE_GAP_MS) return;
  announcedAt = performance.now();
  $("announcement").textContent = `${count} ${say("newRows")}`;
}

/** Return the time of day of a local time as the definition has it, without seconds where there are none. */
const clockOf = (local) => local.slice(11).replace(/^0/, "").replace(/:00$/, "");

const dateInWords = (date) =>
  new Intl.DateTimeFormat(language, { weekday: "long", day: "numeric", month: "long", year: "numeric", timeZone: "UTC" }).format(new Date(`${date}T00:00:00Z`));

/** Return the time of day of an instant as the server writes it, with its UTC offset on a day whose offset changes. */
function timeOfDay(iso) {
  if (!iso) return "";
  const offset = iso.slice(-6);
  const midnight = Date.parse(`${iso.slice(0, 10)}T00:00:00${offset}`);
  const changes = [midnight, midnight + DAY_MS].some((atMs) => offsetMinutes(atMs) !== offsetMinutes(Date.parse(iso)));
  return `${iso.slice(11, 19).replace(/^0/, "")}${changes ? ` UTC${offset}` : ""}`;
}

let updatedAt = ""; // when the newest revision was announced, in the event's time zone

function updated(time) {
  updatedAt = time || updatedAt;
  $("updated").textContent = updatedAt ? `${say("updated")} ${updatedAt}` : "";
}

let localParts = null; // formats an instant in the event's time zone; made once, since that is slow

/** Return how many minutes the event's local time is ahead of UTC at an instant. */
function offsetMinutes(atMs) {
  const parts = { year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric", second: "numeric", hourCycle: "h23" };
  localParts ??= new Intl.DateTimeFormat("en-US", { ...parts, timeZone: detail.timezone });
  const shown = Object.fromEntries(localParts.formatToParts(new Date(atMs)).map((part) => [part.type, Number(part.value)]));
  const localMs = Date.UTC(shown.year, shown.month - 1, shown.day, shown.hour, shown.minute, shown.second);
  return Math.round((localMs - atMs) / 60000);
}

/** Return an instant in microseconds as `timeOfDay` has it. */
function eventClock(atUs) {
  const atMs = Math.floor(atUs / 1000);
  const minutes = offsetMinutes(atMs);
  const local = new Date(atMs + minutes * 60000).toISOString().slice(0, 19);
  const [sign, size] = minutes < 0 ? ["-", -minutes] : ["+", minutes];
  const two = (number) => String(number).padStart(2, "0");
  return timeOfDay(`${local}${sign}${two(Math.floor(size / 60))}:${two(size % 60)}`);
}

// --- One athlete

function openAthlete(bib, how = "push") {
  view.bib = bib;
  remember(how);
  $("athlete-name").textContent = bib;
  $("athlete-body").replaceChildren(element("p", {}, say($("connection").dataset.state === "offline" ? "noAnswer" : "loading")));
  if (!$("athlete").open) $("athlete").showModal();
  athlete.now();
}

async function loadAthlete() {
  if (!view.bib || !detail) return; // once the event is there, it opens its athlete
  const asked = view.bib;
  let answer;
  try {
    answer = await get(`${base}/athletes/${encodeURIComponent(asked)}`, { lang: language });
  } catch (error) {
    if (error.status !== 404) {
      $("athlete-body").replaceChildren(element("p", { class: "notice" }, say("noAnswer"))); // and again with the next event
      throw error;
    }
    answer = null;
  }
  if (asked !== view.bib) return;
  $("athlete-name").textContent = answer ? `${answer.bib} ${answer.name}` : asked;
  $("athlete-body").replaceChildren(...(answer ? athleteParts(answer) : [element("p", {}, say("missing"))]));
  if (!$("athlete").open) $("athlete").showModal();
}

function athleteParts(result) {
  const race = detail.races.find((known) => known.race === result.race);
  const facts = [
    [say("status"), say(result.status)],
    [say("time"), result.time],
    [say("gun"), result.gun_time],
    [say("chip"), result.chip_time],
    [say("cut"), result.cut_at && pointName(race, result.cut_at)],
    [say("missed"), result.missed.map((point) => pointName(race, point)).join(", ")],
    [say("next"), result.next_point && `${pointName(race, result.next_point)} ≈ ${timeOfDay(result.next_eta)}`],
    [say("expected"), result.projected_finish && filled(say("likely"), { time: result.projected_finish, low: result.projected_low, high: result.projected_high })],
    [say("team"), result.team],
    [say("club"), result.club],
    [say("nat"), result.nationality],
    [say("group"), result.age_group],
    [say("wave"), result.wave],
  ].filter(([, text]) => text);
  const main = result.boards[0];
  const [gun, chip] = race?.official_time === "chip" ? ["number roomy", "number time"] : ["number time", "number roomy"];
  const flags = athleteFlags(result);
  return [
    element("p", { class: "quiet sheet-links" }, result.race_name, " · ", element("a", { href: athletePage(result.bib) }, say("ownPage")),
      starButton(event, result.bib, say, () => showEvent())),
    element("dl", { class: "facts" }, ...facts.map(([name, text]) => element("div", {}, element("dt", {}, name), element("dd", {}, text)))),
    otherTime(result, race) ? element("p", { class: "quiet" }, otherTime(result, race)) : null,
    flags.length ? element("h3", {}, say("notes")) : null,
    flags.length ? element("dl", { class: "legend" }, ...flags) : null,
    result.boards.length ? element("h3", {}, say("places")) : null,
    element("dl", { class: "facts" },
      ...result.boards.map((place) =>
        element("div", {}, element("dt", {}, place.title), element("dd", {}, placeNow(result, place))),
      ),
    ),
    element("div", { class: "scroll" },
      element("table", {},
        element("caption", {}, say("splits")),
        element("thead", {}, element("tr", {},
          heading("point"), heading("clock", "number roomy"), heading("gun", gun), heading("chip", chip), heading("segment", "number"),
          heading("rank", "number"), heading("source", "roomy"))),
        element("tbody", {}, ...result.points.map((point) =>
          element("tr", {},
            element("th", { scope: "row" }, pointLabel(point.name, WORDS[language])),
            cell(timeOfDay(point.at), "number roomy"),
            cell(point.gun_time, gun),
            cell(point.chip_time, chip),
            cell(point.segment_pace, "number"),
            cell(rankOf(point, race, main), "number"),
            cell(say(point.source), "roomy"),
          ))),
      ),
    ),
  ].filter(Boolean);
}

/** Return the place on a board; without one yet, the rank at the last point. */
function placeNow(result, board) {
  if (board.place_text) return filled(say("ofTotal"), { place: board.place_text, total: board.total });
  const last = result.status === "ON_COURSE" ? result.points.at(-1) : null;
  const place = last?.ranks[board.board];
  return place ? filled(say("placeAt"), { place, point: pointLabel(last.name, WORDS[language]) }) : "–";
}

/** Return the rank on a board at a point: at the finish the place, which goes by the board's own rule and time. */
function rankOf(point, race, board) {
  const isFinish = point.point === race?.points.at(-1).point;
  return isFinish && board?.place ? board.place : point.ranks[board?.board];
}

/** Return why a board shows another time than this page, where one does: it goes by the gun, or by the chip. */
function otherTime(result, race) {
  const other = result.boards.find((place) => place.time_s !== null && place.time_s !== result.time_s);
  if (!other) return "";
  return filled(say(race?.official_time === "chip" ? "byGun" : "byChip"), { board: other.title });
}

// --- The stream

function connection(state) {
  if ($("connection").dataset.state === state && $("connection").textContent === say(state)) return;
  $("connection").dataset.state = state;
  $("connection").textContent = say(state);
}

/** Ask for all that is shown again: the stream is there again, so anything may have changed. */
function askAgain() {
  counts.soon();
  board.soon();
  athlete.soon();
}

function changed(news) {
  updated(eventClock(news.announced_at_us));
  counts.soon();
  const concernsBoard = news.bibs === null || news.boards.includes(view.board) || news.bibs.some((bib) => shown.has(bib));
  if (view.point || view.list || view.search || undecided || growing || concernsBoard) board.soon();
  if (view.bib && (news.bibs === null || news.bibs.includes(view.bib) || news.boards.length)) athlete.soon();
}

// --- Language, and the start

function translate() {
  document.documentElement.lang = language;
  for (const labelled of document.querySelectorAll("[data-text]")) labelled.textContent = say(labelled.dataset.text);
  $("races").setAttribute("aria-label", say("races"));
  $("boards").setAttribute("aria-label", say("boards"));
  $("counts").setAttribute("aria-label", say("athletes"));
  $("search").placeholder = say("search"); // on a phone the label is for screen readers only
  $("language").textContent = say("other");
  $("language").lang = $("language").hreflang = say("otherLang");
  $("connection").textContent = say($("connection").dataset.state);
  if (updatedAt) updated("");
}

$("language").addEventListener("click", (clicked) => {
  if (!opensHere(clicked)) return;
  clicked.preventDefault();
  language = language === "vi" ? "en" : "vi";
  document.cookie = `lang=${language}; path=/; max-age=${YEAR_S}; samesite=lax`; // in which the server makes pages from now on
  const next = new URL(location.href);
  next.searchParams.delete("lang"); // the choice from now on is this one
  history.replaceState(null, "", next);
  translate();
  if (unanswered) notice(failure(unanswered));
  if (detail) {
    showEvent();
    counts.now(); // names in the other language
    board.now();
    athlete.now();
  }
});
$("point").addEventListener("change", () => go({ point: $("point").value }));
$("search").addEventListener("input", () => {
  view.search = $("search").value.trim();
  Object.assign(view, { limit: PAGE, from: 0 });
  remember("replace");
  if (detail) showEvent();
  clearTimeout($("search").timer);
  $("search").timer = setTimeout(board.now, 200);
});
$("tools").addEventListener("submit", (submitted) => submitted.preventDefault());
$("rows").addEventListener("click", (clicked) => {
  const named = clicked.target.closest("[data-bib]");
  if (!named || !opensHere(clicked)) return;
  clicked.preventDefault();
  openAthlete(named.dataset.bib);
});
$("more").addEventListener("click", (clicked) => {
  if (!opensHere(clicked)) return;
  clicked.preventDefault();
  view.limit += PAGE;
  board.now();
});
$("close").addEventListener("click", () => $("athlete").close());
$("athlete").addEventListener("click", (clicked) => {
  if (clicked.target === $("athlete")) $("athlete").close(); // beside the sheet
});
$("athlete").addEventListener("close", () => {
  if (!view.bib) return; // by Back
  view.bib = null;
  remember("push");
});

$("connection").hidden = false;
for (const strip of [$("races"), $("counts"), $("boards")]) reveal(strip);
start();

/** Open the page; again after a while where the server is not there or cannot answer now. */
async function start() {
  try {
    await openEvent();
  } catch (error) {
    unanswered = error;
    notice(failure(error));
    $("connection").hidden = Boolean(error.status); // the server has answered
    connection("offline");
    if (!error.status || passing(error)) setTimeout(start, RECONNECT_MS + Math.random() * SPREAD_MS);
  }
}

async function openEvent() {
  await loadEvent();
  unanswered = null;
  notice("");
  $("connection").hidden = false;
  board.now();
  if (view.bib) openAthlete(view.bib, "replace"); // so that Back leaves a page that began with an athlete
  follow(`${base}/stream${key ? `?key=${encodeURIComponent(key)}` : ""}`, { connection, askAgain, changed });
}
