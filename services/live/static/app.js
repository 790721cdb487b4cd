// The page: the boards of one event, kept up to date by its event stream. All data is shown as text, never as markup.

import { WORDS } from "./words.js";

const PAGE = 100;
const LIST_PAGE = 200; // athletes in one answer of a search or a list
const FETCH_GAP_MS = 1000; // a board is fetched at most once a second, however many events arrive
const SPREAD_MS = 300; // so that not all viewers fetch in the same instant
const COUNTS_GAP_MS = 3000;
const OFFLINE_AFTER_MS = 10000; // the server says something every 5 s, so two of its beats are missing then
const WATCH_MS = 1000;
const RECONNECT_MS = 5000;
const DAY_MS = 86400000;
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
  limit: PAGE,
  bib: address.searchParams.get("bib"),
};
const LISTS = { dnf: "DNF", dns: "DNS", dq: "DQ", otl: "OTL", on_course: "ON_COURSE", not_started: "NOT_STARTED", start: "" };
let detail = null; // the event as the server describes it
let unanswered = null; // why the page could not open the event
let shown = new Set(); // bibs on the board now
let placed = new Set(); // those of them with a place on the board itself, to mark the new ones
let shownOf = ""; // the board, point and search of `shown`
let language = pick(address.searchParams.get("lang"), localStorage.getItem("language"), navigator.language);

function pick(...wanted) {
  for (const tag of wanted) {
    const known = tag && Object.keys(WORDS).find((name) => tag.toLowerCase().startsWith(name));
    if (known) return known;
  }
  return "en";
}

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
  const words = { 401: "needsKey", 403: "needsKey", 404: event ? "noEvent" : "missing" };
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

// --- Events

async function loadEvents() {
  const answer = await get("/v1/events", { lang: language });
  $("events").replaceChildren(
    ...answer.events.map((listed) =>
      element(
        "li",
        {},
        element(
          "a",
          { href: key ? `/${listed.event}?key=${encodeURIComponent(key)}` : `/${listed.event}` },
          element("strong", {}, listed.name),
          element("span", { class: "quiet" }, [listed.date && dateInWords(listed.date), ...listed.races.map((race) => race.name)].filter(Boolean).join(" · ")),
        ),
      ),
    ),
  );
  $("events").hidden = false;
  notice(answer.events.length ? "" : say("none"));
}

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
    go({ race: chosen, board: first ? first.board : null, point: "" });
  });
  tabs($("boards"), choices().filter((choice) => choice.race === view.race).map((choice) => [choice.board, choice.title]), view.board, (chosen) =>
    go({ board: chosen, point: view.point }),
  );
  $("start").textContent = race ? `${say("startsAt")} ${clockOf(race.start)}` : "";
  showCounts(race);
  const isBoard = choices().find((choice) => choice.board === view.board)?.kind === "boards";
  $("points").hidden = !isBoard || Boolean(view.list || view.search);
  const points = race ? race.points.slice(0, -1) : [];
  $("point").replaceChildren(
    element("option", { value: "" }, say("finish")),
    ...points.map((point) => element("option", { value: point.point }, `${point.name} (${point.km} km)`)),
  );
  $("point").value = view.point;
}

/** Show how many athletes have each status; each number but that of the finishers leads to a list of them. */
function showCounts(race) {
  const numbers = ["ON_COURSE", "FINISHED", "NOT_STARTED", "OTL", "DNF", "DNS", "DQ"]
    .filter((status) => status === "ON_COURSE" || status === "FINISHED" || race?.counts[status])
    .map((status) => [status.toLowerCase(), say(status), race?.counts[status] || 0]);
  const everybody = Object.values(race?.counts ?? {}).reduce((total, count) => total + count, 0);
  const made = JSON.stringify([numbers, everybody, view.list, language]);
  if ($("counts").dataset.made === made) return;
  $("counts").dataset.made = made;
  const focused = document.activeElement?.dataset.list;
  $("counts").replaceChildren(
    ...[...numbers, ["start", say("startList"), everybody]].map(([list, name, count]) =>
      element("button", {
        type: "button", class: "count", "data-list": list,
        "aria-current": list === (view.list || "finished") ? "true" : null,
        onclick: () => go({ list: list === "finished" ? "" : list, point: "" }),
      }, `${name} `, element("strong", {}, String(count))),
    ),
  );
  if (focused) $("counts").querySelector(`[data-list="${focused}"]`)?.focus({ preventScroll: true });
}

function tabs(nav, entries, current, choose) {
  const made = JSON.stringify([entries, current]);
  if (nav.dataset.made === made) return; // as it is: a strip that somebody has scrolled stays there
  nav.dataset.made = made;
  const focused = nav.contains(document.activeElement) ? document.activeElement.dataset.id : null;
  nav.replaceChildren(
    ...entries.map(([id, text]) =>
      element("button", { type: "button", "data-id": id, "aria-current": id === current ? "true" : null, onclick: () => choose(id) }, text),
    ),
  );
  if (focused) nav.querySelector(`[data-id="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  const chosen = nav.querySelector("[aria-current]");
  if (chosen) nav.scrollTo({ left: chosen.offsetLeft - nav.offsetLeft - nav.clientWidth / 3, top: chosen.offsetTop - nav.offsetTop - nav.clientHeight / 3 });
}

function go(change) {
  Object.assign(view, { limit: PAGE, list: "", search: "" }, change);
  $("search").value = view.search;
  remember("push");
  showEvent();
  board.now();
}

const REMEMBERED = { race: "race", board: "board", point: "point", list: "list", q: "search", bib: "bib" };

/** Put the view into the address: as a step that Back takes back ("push"), or in place of the last one ("replace"). */
function remember(how) {
  const next = new URL(location.href);
  for (const [name, value] of Object.entries(REMEMBERED)) {
    if (view[value]) next.searchParams.set(name, view[value]);
    else next.searchParams.delete(name);
  }
  if (how === "push" && next.href !== location.href) history.pushState(null, "", next);
  else history.replaceState(null, "", next);
}

addEventListener("popstate", () => {
  const parameters = new URL(location.href).searchParams;
  for (const [name, value] of Object.entries(REMEMBERED)) view[value] = parameters.get(name) || "";
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
  if (!chosen) return;
  const asked = { ...view };
  const isList = Boolean(view.search || view.list);
  const query = chosen.kind === "boards" ? { limit: view.limit, point: view.point, on_course: view.point ? "" : "1" } : { lang: language };
  const answer = isList ? await getList() : await get(`${base}/${chosen.kind}/${encodeURIComponent(chosen.board)}`, query);
  if (["board", "point", "list", "search", "limit"].some((name) => asked[name] !== view[name])) return; // the choice has changed since
  const rows = isList ? answer.athletes : answer.rows;
  if (isList) showList(answer);
  else if (chosen.kind === "boards") showBoard(chosen, answer);
  else showTeams(chosen, answer);
  showLegend(isList ? [] : rows);
  $("empty").hidden = rows.length > 0;
  $("empty").textContent = say(view.search ? "nobody" : view.list ? "emptyList" : "empty");
  $("frame").hidden = rows.length === 0;
  $("more").hidden = rows.length >= answer.total;
  $("more").textContent = `${say("more")} (${rows.length} ${say("of")} ${answer.total})`;
}

/** Return the athletes of the whole event that a search finds, or a race's list: those with a status, or all of them. */
async function getList() {
  const query = view.search ? { q: view.search } : { race: view.race, status: LISTS[view.list] };
  const offsets = Array.from({ length: Math.ceil(view.limit / LIST_PAGE) }, (_, page) => page * LIST_PAGE);
  const limitOf = (offset) => Math.min(view.limit - offset, LIST_PAGE);
  const pages = await Promise.all(offsets.map((offset) => get(`${base}/athletes`, { ...query, offset, limit: limitOf(offset) })));
  return { total: pages[0].total, athletes: pages.flatMap((page) => page.athletes) };
}

function showList(answer) {
  const title = view.search ? say("searched") : view.list === "start" ? say("startList") : say(LISTS[view.list]);
  $("caption").replaceChildren(title);
  $("head").replaceChildren(
    element("tr", {}, heading("bib", "number"), heading("name"), heading("race", "wide"), heading("nat", "wide"), heading("group", "wide"),
      heading("status"), heading("time", "number")),
  );
  const names = Object.fromEntries(detail.races.map((race) => [race.race, race.name]));
  keyed(answer.athletes, (row) =>
    element("tr", { "data-row": row.bib },
      cell(row.bib, "number"),
      athleteHeading(row, [names[row.race], row.nationality, row.age_group].filter(Boolean).join(" · ")),
      cell(names[row.race], "wide"), cell(row.nationality, "wide"), cell(row.age_group, "wide"),
      cell(say(row.status)), cell(row.time, "number time")),
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
      const fresh = make(row);
      fresh.data = data;
      const focused = made?.contains(document.activeElement);
      made?.replaceWith(fresh);
      if (focused) fresh.querySelector("[data-bib]")?.focus({ preventScroll: true });
      made = fresh;
    }
    held.delete(row.bib);
    if (table.children[index] !== made) table.insertBefore(made, table.children[index] ?? null);
  });
  for (const gone of held.values()) gone.remove();
}

/** Head the table with the board and the state of its results, which the event tells even where no row changed. */
function caption() {
  const chosen = choices().find((choice) => choice.board === view.board);
  const race = detail.races.find((known) => known.race === chosen.race);
  const where = view.point && chosen.kind === "boards" ? ` – ${pointName(race, view.point)}` : "";
  const state = chosen.changed_since_official ? "changed" : chosen.state;
  $("caption").replaceChildren(`${chosen.title}${where} `, element("span", { class: "badge", "data-state": state }, say(`state_${state}`)));
  const ranked = basis(chosen, race);
  if (ranked) $("caption").append(" ", element("span", { class: "quiet basis" }, say(ranked)));
  if (race?.official_void) $("caption").append(element("span", { class: "quiet" }, ` ${say("void")} ${race.official_void}`));
}

/** Return the words for a board whose places go by another time than the one it prints, null for any other. */
function basis(chosen, race) {
  if (chosen.kind !== "boards" || view.point || chosen.rank_by === race?.official_time) return null;
  return { gun: "rankedByGun", chip: "rankedByChip" }[chosen.rank_by] ?? null;
}

const pointName = (race, id) => race?.points.find((point) => point.point === id)?.name ?? id;
const cell = (text, className = "") => element("td", { class: className || null }, text === null || text === undefined ? "" : String(text));
const heading = (word, className = "") => element("th", { scope: "col", class: className || null }, say(word));

function showBoard(chosen, answer) {
  caption();
  const race = detail.races.find((known) => known.race === chosen.race);
  const atPoint = Boolean(view.point) || answer.rows.some((row) => row.status === "ON_COURSE");
  $("head").replaceChildren(
    element("tr", {},
      heading("place", "number"), heading("bib", "number"), heading("name"), heading("nat", "wide"), heading("group", "wide"),
      heading("time", "number"), heading("gap", "number wide"), heading(atPoint ? "expected" : "gun", "number wide"),
      heading(atPoint ? "status" : "chip", atPoint ? "wide" : "number wide"), heading("pace", "number wide"), heading("move", "number wide"),
    ),
  );
  const asked = `${view.board}/${view.point}/${view.search}`;
  const ranked = answer.rows.filter((row) => view.point || row.status !== "ON_COURSE").map((row) => row.bib);
  const fresh = shownOf === asked ? ranked.filter((bib) => !placed.has(bib)) : [];
  keyed(answer.rows, (row) => boardRow(row, race, atPoint, fresh.includes(row.bib)));
  shown = new Set(answer.rows.map((row) => row.bib));
  placed = new Set(ranked);
  shownOf = asked;
  if (fresh.length) announce(fresh.length);
}

function athleteHeading(row, short) {
  const below = [row.team, row.club].filter(Boolean).join(" · ");
  return element("th", { scope: "row" },
    element("button", { type: "button", class: "name", "data-bib": row.bib, onclick: () => openAthlete(row.bib) }, row.name),
    below ? element("span", { class: "quiet" }, below) : null,
    short ? element("span", { class: "quiet narrow" }, short) : null,
    flagsOf(row).length ? element("span", { class: "flags" }, ...flagsOf(row).map(flag)) : null,
  );
}

/** Return a row. Of an athlete on the course, place, time and gap are those at the last point, which is named. */
function boardRow(row, race, atPoint, fresh) {
  const onCourse = row.status === "ON_COURSE" && !view.point;
  const where = onCourse ? `${say("at")} ${pointName(race, row.point)}` : null;
  const estimate = onCourse && row.projected_finish ? `${say("expected")} ${row.projected_finish}` : null;
  const short = [row.nationality, row.age_group, estimate].filter(Boolean).join(" · ");
  return element("tr", { class: [fresh ? "fresh" : "", onCourse ? "on-course" : ""].filter(Boolean).join(" ") || null, "data-row": row.bib },
    cell(row.place_text, "number place"),
    cell(row.bib, "number"),
    athleteHeading(row, short),
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
  caption();
  const members = chosen.kind === "teams";
  $("head").replaceChildren(
    element("tr", {}, heading("place", "number"), heading("team"), heading("score", "number"), members ? heading("members") : null),
  );
  $("rows").replaceChildren(
    ...answer.rows.map((row) =>
      element("tr", {},
        cell(row.place_text, "number place"),
        element("th", { scope: "row" }, row.team),
        cell(row.score_text, "number time"),
        members ? cell(row.members.map((member) => `${member.name} (${member.score_text})`).join(", ")) : null,
      ),
    ),
  );
  shownOf = "";
}

let announcedAt = -Infinity;

function announce(count) {
  if (performance.now() - announcedAt < ANNOUNCE_GAP_MS) return;
  announcedAt = performance.now();
  $("announcement").textContent = `${count} ${say("newRows")}`;
}

/** Return the time of day of a local time as the definition has it. */
const clockOf = (local) => local.slice(11).replace(/^0/, "");

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
  if (!view.bib) return;
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
    [say("next"), result.next_point && `${pointName(race, result.next_point)} ${timeOfDay(result.next_eta)}`],
    [say("expected"), result.projected_finish && `${result.projected_finish} (${result.projected_low}–${result.projected_high})`],
    [say("team"), result.team],
    [say("club"), result.club],
    [say("nat"), result.nationality],
    [say("group"), result.age_group],
    [say("wave"), result.wave],
  ].filter(([, text]) => text);
  const main = result.boards[0]?.board;
  const [gun, chip] = race?.official_time === "chip" ? ["number wide", "number time"] : ["number time", "number wide"];
  const flags = athleteFlags(result);
  return [
    element("p", { class: "quiet" }, result.race_name),
    element("dl", { class: "facts" }, ...facts.map(([name, text]) => element("div", {}, element("dt", {}, name), element("dd", {}, text)))),
    otherTime(result, race) ? element("p", { class: "quiet" }, otherTime(result, race)) : null,
    flags.length ? element("h3", {}, say("notes")) : null,
    flags.length ? element("dl", { class: "legend" }, ...flags) : null,
    result.boards.length ? element("h3", {}, say("places")) : null,
    element("dl", { class: "facts" },
      ...result.boards.map((place) =>
        element("div", {}, element("dt", {}, place.title), element("dd", {}, place.place_text ? `${place.place_text} / ${place.total}` : "–")),
      ),
    ),
    element("div", { class: "scroll" },
      element("table", {},
        element("caption", {}, say("splits")),
        element("thead", {}, element("tr", {},
          heading("point"), heading("clock", "number wide"), heading("gun", gun), heading("chip", chip), heading("segment", "number"),
          heading("rank", "number"), heading("source", "wide"))),
        element("tbody", {}, ...result.points.map((point) =>
          element("tr", {},
            element("th", { scope: "row" }, point.name),
            cell(timeOfDay(point.at), "number wide"),
            cell(point.gun_time, gun),
            cell(point.chip_time, chip),
            cell(point.segment_pace, "number"),
            cell(main ? point.ranks[main] : "", "number"),
            cell(say(point.source), "wide"),
          ))),
      ),
    ),
  ].filter(Boolean);
}

/** Return why a board shows another time than this page, where one does: it goes by the gun, or by the chip. */
function otherTime(result, race) {
  const other = result.boards.find((place) => place.time_s !== null && place.time_s !== result.time_s);
  if (!other) return "";
  return say(race?.official_time === "chip" ? "byGun" : "byChip").replace("{board}", other.title);
}

// --- The stream

let stream = null;
let heardAt = performance.now(); // when the server last said anything

function connection(state) {
  if ($("connection").dataset.state === state && $("connection").textContent === say(state)) return;
  $("connection").dataset.state = state;
  $("connection").textContent = say(state);
}

function heard() {
  heardAt = performance.now();
  if ($("connection").dataset.state === "live") return;
  connection("live");
  counts.soon();
  board.soon();
  athlete.soon();
}

/** Show that the server is silent, though its connection may be open: a frozen one sends no beat. */
function watch() {
  if (performance.now() - heardAt > OFFLINE_AFTER_MS) connection("offline");
}

function listen() {
  stream?.close();
  stream = new EventSource(`${base}/stream${key ? `?key=${encodeURIComponent(key)}` : ""}`);
  stream.onopen = heard;
  stream.onerror = () => {
    if ($("connection").dataset.state === "live") connection("connecting");
    if (stream.readyState === EventSource.CLOSED) setTimeout(listen, RECONNECT_MS); // refused, so the browser does not reconnect by itself
  };
  stream.addEventListener("heartbeat", heard);
  stream.addEventListener("snapshot", () => {
    heard();
    counts.soon();
    board.soon();
    athlete.soon();
  });
  stream.addEventListener("board", (message) => {
    heard();
    const changed = JSON.parse(message.data);
    updated(eventClock(changed.announced_at_us));
    counts.soon();
    const concernsBoard = changed.bibs === null || changed.boards.includes(view.board) || changed.bibs.some((bib) => shown.has(bib));
    if (view.point || view.list || view.search || concernsBoard) board.soon();
    if (view.bib && (changed.bibs === null || changed.bibs.includes(view.bib) || changed.boards.length)) athlete.soon();
  });
}

// A browser keeps a page that was left, for Back, and its stream with it: six of them would take all connections to a host.
addEventListener("pagehide", () => stream?.close());
addEventListener("pageshow", (arrival) => {
  if (!arrival.persisted || !stream) return;
  heardAt = performance.now();
  connection("connecting");
  listen();
});

// --- Language, and the start

function translate() {
  document.documentElement.lang = language;
  $("skip").href = event ? "#results" : "#main";
  for (const labelled of document.querySelectorAll("[data-text]")) labelled.textContent = say(labelled.dataset.text);
  $("races").setAttribute("aria-label", say("races"));
  $("boards").setAttribute("aria-label", say("boards"));
  $("counts").setAttribute("aria-label", say("athletes"));
  $("search").placeholder = say("search"); // on a phone the label is for screen readers only
  $("language").textContent = say("other");
  $("language").lang = say("otherLang");
  $("connection").textContent = say($("connection").dataset.state);
  updated("");
}

$("language").addEventListener("click", () => {
  language = language === "vi" ? "en" : "vi";
  localStorage.setItem("language", language);
  const next = new URL(location.href);
  next.searchParams.delete("lang"); // the choice from now on is the button's
  history.replaceState(null, "", next);
  translate();
  if (unanswered) notice(failure(unanswered));
  if (!event) loadEvents().catch((error) => notice(failure(error)));
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
  view.limit = PAGE;
  remember("replace");
  clearTimeout($("search").timer);
  $("search").timer = setTimeout(board.now, 200);
});
$("tools").addEventListener("submit", (submitted) => submitted.preventDefault());
$("more").addEventListener("click", () => {
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

translate();
$("search").value = view.search;
$("empty").textContent = say("loading");
if (!event) {
  $("name").textContent = say("title");
  $("connection").hidden = true;
}
start();

/** Open the page; again after a while where the server is not there or cannot answer now. */
async function start() {
  try {
    await (event ? openEvent() : loadEvents());
  } catch (error) {
    unanswered = error;
    notice(failure(error));
    if (event) {
      $("name").textContent = error.status ? say("title") : event;
      $("connection").hidden = Boolean(error.status); // the server has answered
      connection("offline");
    }
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
  listen();
  setInterval(watch, WATCH_MS);
}
