// The page: the boards of one event, kept up to date by its event stream. All data is shown as text, never as markup.

import { WORDS } from "./words.js";

const PAGE = 100;
const FETCH_GAP_MS = 1000; // a board is fetched at most once a second, however many events arrive
const SPREAD_MS = 300; // so that not all viewers fetch in the same instant
const COUNTS_GAP_MS = 3000;
const OFFLINE_AFTER_MS = 10000;
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
  search: address.searchParams.get("q") || "",
  limit: PAGE,
  bib: address.searchParams.get("bib"),
};
let detail = null; // the event as the server describes it
let shown = new Set(); // bibs on the board now, to mark the new ones
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
  const body = await answer.json();
  if (!answer.ok) throw Object.assign(new Error(body.detail || answer.statusText), { status: answer.status });
  return body;
}

const base = `/v1/events/${encodeURIComponent(event)}`;

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
      if (error.status) notice(error.message);
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
          element("span", { class: "quiet" }, [listed.date, ...listed.races.map((race) => race.name)].filter(Boolean).join(" · ")),
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
  if (!choices().some((choice) => choice.board === view.board)) {
    const race = detail.races.find((known) => known.race === view.race) || detail.races[0];
    view.race = race ? race.race : null;
    view.board = (choices().find((choice) => choice.race === view.race) || choices()[0] || { board: null }).board;
  }
  const chosen = choices().find((choice) => choice.board === view.board);
  if (chosen) view.race = chosen.race;
  showEvent();
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
  document.title = `${detail.name} – ${say("title")}`;
  $("name").textContent = detail.name;
  $("date").textContent = detail.date;
  const race = detail.races.find((known) => known.race === view.race);
  tabs($("races"), detail.races.map((known) => [known.race, known.name]), view.race, (chosen) => {
    const first = choices().find((choice) => choice.race === chosen);
    go({ race: chosen, board: first ? first.board : null, point: "" });
  });
  tabs($("boards"), choices().filter((choice) => choice.race === view.race).map((choice) => [choice.board, choice.title]), view.board, (chosen) =>
    go({ board: chosen, point: view.point }),
  );
  $("counts").replaceChildren(
    ...["ON_COURSE", "FINISHED", "NOT_STARTED", "OTL", "DNF", "DNS", "DQ"]
      .filter((status) => status === "ON_COURSE" || status === "FINISHED" || race?.counts[status])
      .map((status) => element("div", {}, element("dt", {}, say(status)), element("dd", {}, String(race?.counts[status] || 0)))),
  );
  const isBoard = choices().find((choice) => choice.board === view.board)?.kind === "boards";
  $("tools").hidden = !isBoard;
  const points = race ? race.points.slice(0, -1) : [];
  $("point").replaceChildren(
    element("option", { value: "" }, say("finish")),
    ...points.map((point) => element("option", { value: point.point }, `${point.name} (${point.km} km)`)),
  );
  $("point").value = view.point;
  $("event").hidden = false;
}

function tabs(nav, entries, current, choose) {
  const focused = nav.contains(document.activeElement) ? document.activeElement.dataset.id : null;
  nav.replaceChildren(
    ...entries.map(([id, text]) =>
      element("button", { type: "button", "data-id": id, "aria-current": id === current ? "true" : null, onclick: () => choose(id) }, text),
    ),
  );
  if (focused) nav.querySelector(`[data-id="${CSS.escape(focused)}"]`)?.focus();
  nav.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
}

function go(change) {
  Object.assign(view, { limit: PAGE }, change);
  remember();
  showEvent();
  board.now();
}

function remember() {
  const next = new URL(location.href);
  for (const [name, value] of [["race", view.race], ["board", view.board], ["point", view.point], ["q", view.search], ["bib", view.bib]]) {
    if (value) next.searchParams.set(name, value);
    else next.searchParams.delete(name);
  }
  history.replaceState(null, "", next);
}

// --- A board

async function loadBoard() {
  const chosen = detail && choices().find((choice) => choice.board === view.board);
  if (!chosen) return;
  const asked = { ...view };
  const query = chosen.kind === "boards" ? { limit: view.limit, point: view.point, q: view.search } : { lang: language };
  const answer = await get(`${base}/${chosen.kind}/${encodeURIComponent(chosen.board)}`, query);
  if (["board", "point", "search", "limit"].some((name) => asked[name] !== view[name])) return; // the choice has changed since
  caption(chosen, answer);
  if (chosen.kind === "boards") showBoard(answer);
  else showTeams(chosen, answer);
  showLegend(answer.rows);
  $("empty").hidden = answer.rows.length > 0;
  $("empty").textContent = say(view.search ? "nobody" : "empty");
  $("frame").hidden = answer.rows.length === 0;
  $("more").hidden = answer.rows.length >= answer.total;
  $("more").textContent = `${say("more")} (${answer.rows.length} ${say("of")} ${answer.total})`;
}

function caption(chosen, answer) {
  const race = detail.races.find((known) => known.race === chosen.race);
  const where = view.point && chosen.kind === "boards" ? ` – ${pointName(race, view.point)}` : "";
  $("caption").replaceChildren(
    `${chosen.title}${where} `,
    element("span", { class: "badge", "data-state": answer.state }, say(`state_${answer.state}`)),
  );
  if (race?.official_void) $("caption").append(element("span", { class: "quiet" }, ` ${say("void")} ${race.official_void}`));
}

const pointName = (race, id) => race?.points.find((point) => point.point === id)?.name ?? id;
const cell = (text, className = "") => element("td", { class: className || null }, text === null || text === undefined ? "" : String(text));
const heading = (word, className = "") => element("th", { scope: "col", class: className || null }, say(word));

function showBoard(answer) {
  const atPoint = Boolean(view.point);
  $("head").replaceChildren(
    element("tr", {},
      heading("place", "number"), heading("bib", "number"), heading("name"), heading("nat", "wide"), heading("group", "wide"),
      heading("time", "number"), heading("gap", "number wide"), heading(atPoint ? "expected" : "gun", "number wide"),
      heading(atPoint ? "status" : "chip", atPoint ? "wide" : "number wide"), heading("pace", "number wide"), heading("move", "number wide"),
    ),
  );
  const asked = `${view.board}/${view.point}/${view.search}`;
  const fresh = shownOf === asked ? answer.rows.filter((row) => !shown.has(row.bib)).map((row) => row.bib) : [];
  const focused = document.activeElement?.dataset?.bib;
  $("rows").replaceChildren(...answer.rows.map((row) => boardRow(row, atPoint, fresh.includes(row.bib))));
  if (focused) $("rows").querySelector(`[data-bib="${CSS.escape(focused)}"]`)?.focus();
  shown = new Set(answer.rows.map((row) => row.bib));
  shownOf = asked;
  if (fresh.length) announce(fresh.length);
}

function boardRow(row, atPoint, fresh) {
  const below = [row.team, row.club].filter(Boolean).join(" · ");
  const short = [row.nationality, row.age_group].filter(Boolean).join(" · ");
  return element("tr", { class: fresh ? "fresh" : null, "data-row": row.bib },
    cell(row.place_text, "number place"),
    cell(row.bib, "number"),
    element("th", { scope: "row" },
      element("button", { type: "button", class: "name", "data-bib": row.bib, onclick: () => openAthlete(row.bib) }, row.name),
      below ? element("span", { class: "quiet" }, below) : null,
      short ? element("span", { class: "quiet narrow" }, short) : null,
      flagsOf(row).length ? element("span", { class: "flags" }, ...flagsOf(row).map(flag)) : null,
    ),
    cell(row.nationality, "wide"),
    cell(row.age_group, "wide"),
    element("td", { class: "number time" }, row.time, row.gap ? element("span", { class: "quiet narrow" }, row.gap) : null),
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

function openAthlete(bib) {
  view.bib = bib;
  remember();
  athlete.now();
}

async function loadAthlete() {
  if (!view.bib) return;
  const asked = view.bib;
  let answer;
  try {
    answer = await get(`${base}/athletes/${encodeURIComponent(asked)}`, { lang: language });
  } catch (error) {
    if (error.status !== 404) throw error;
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
  const flags = athleteFlags(result);
  return [
    element("p", { class: "quiet" }, result.race_name),
    element("dl", { class: "facts" }, ...facts.map(([name, text]) => element("div", {}, element("dt", {}, name), element("dd", {}, text)))),
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
          heading("point"), heading("clock", "number wide"), heading("gun", "number"), heading("chip", "number wide"), heading("segment", "number"),
          heading("rank", "number"), heading("source", "wide"))),
        element("tbody", {}, ...result.points.map((point) =>
          element("tr", {},
            element("th", { scope: "row" }, point.name),
            cell(timeOfDay(point.at), "number wide"),
            cell(point.gun_time, "number time"),
            cell(point.chip_time, "number wide"),
            cell(point.segment_pace, "number"),
            cell(main ? point.ranks[main] : "", "number"),
            cell(say(point.source), "wide"),
          ))),
      ),
    ),
  ].filter(Boolean);
}

// --- The stream

let stream = null;
let lost = null;

function connection(state) {
  if ($("connection").dataset.state === state && $("connection").textContent === say(state)) return;
  $("connection").dataset.state = state;
  $("connection").textContent = say(state);
}

function listen() {
  stream = new EventSource(`${base}/stream${key ? `?key=${encodeURIComponent(key)}` : ""}`);
  stream.onopen = () => {
    clearTimeout(lost);
    lost = null;
    connection("live");
  };
  stream.onerror = () => {
    connection(lost === null ? "connecting" : $("connection").dataset.state);
    if (lost === null) lost = setTimeout(() => connection("offline"), OFFLINE_AFTER_MS);
    if (stream.readyState === EventSource.CLOSED) setTimeout(listen, RECONNECT_MS); // refused, so the browser does not reconnect by itself
  };
  stream.addEventListener("snapshot", () => {
    counts.soon();
    board.soon();
    athlete.soon();
  });
  stream.addEventListener("board", (message) => {
    const changed = JSON.parse(message.data);
    updated(eventClock(changed.announced_at_us));
    counts.soon();
    const concernsBoard = changed.bibs === null || changed.boards.includes(view.board) || changed.bibs.some((bib) => shown.has(bib));
    if (view.point || concernsBoard) board.soon();
    if (view.bib && (changed.bibs === null || changed.bibs.includes(view.bib) || changed.boards.length)) athlete.soon();
  });
}

// --- Language, and the start

function translate() {
  document.documentElement.lang = language;
  for (const labelled of document.querySelectorAll("[data-text]")) labelled.textContent = say(labelled.dataset.text);
  $("races").setAttribute("aria-label", say("races"));
  $("boards").setAttribute("aria-label", say("boards"));
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
  if (!event) loadEvents().catch((error) => notice(error.message));
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
  remember();
  clearTimeout($("search").timer);
  $("search").timer = setTimeout(board.now, 200);
});
$("tools").addEventListener("submit", (submitted) => submitted.preventDefault());
$("more").addEventListener("click", () => {
  view.limit += PAGE;
  board.now();
});
$("close").addEventListener("click", () => $("athlete").close());
$("athlete").addEventListener("close", () => {
  view.bib = null;
  remember();
});

translate();
if (event) {
  $("search").value = view.search;
  try {
    await loadEvent();
    board.now();
    athlete.now();
    listen();
  } catch (error) {
    $("name").textContent = event;
    connection("offline");
    notice(error.message);
  }
} else {
  $("name").textContent = say("title");
  $("connection").hidden = true;
  try {
    await loadEvents();
  } catch (error) {
    notice(error.message);
  }
}
