// The announcer's page: asks once a second, keeps rows, focus and notes, and shows the last state without a server.

import { stateWord } from "../overlay/board.js";
import { Source } from "../overlay/source.js";
import { filled, podiumText, pointLabel } from "../phrases.js";
import { WORDS } from "./words.js";

const $ = (selector) => document.querySelector(selector);
const address = new URL(location.href);
const event = decodeURIComponent(address.pathname.split("/")[2]);
const key = address.searchParams.get("key") ?? "";
const asked = address.searchParams.get("lang") || navigator.language;
const lang = asked.startsWith("vi") ? "vi" : "en";
const words = WORDS[lang];
const BAD = ["DQ", "DNF", "OTL"]; // statuses of athletes whom nobody should announce as finishers
const RIVALS_NAMED = 3; // of those who can still take a place; more would push the cut-offs off the screen
let offsetMs = 0;
let countdowns = [];

document.documentElement.lang = lang;
document.title = words.announcer;
$("#next h2").textContent = words.approaching;
$("#done h2").textContent = words.arrived;
$("#leaders-title").textContent = words.leaders;
$("#firsts-title").textContent = words.firsts;
$("#cutoffs-title").textContent = words.cutoffs;
$("#keys").setAttribute("aria-label", words.keys);
$("#connection").textContent = words.connecting;
$("dialog p").textContent = words.keysHelp;
$("dialog button").textContent = words.close;

const stored = (kind, bib) => `announce/${event}/${kind}/${bib}`;

function write(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

function make(name, className, text = "") {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text;
  return made;
}

/** Bring a list into the order of the rows; an element, and with it the focus, lives as long as its key. */
function arrange(list, rows, fill, create) {
  const known = new Map([...list.children].map((row) => [row.dataset.key, row]));
  let next = list.firstElementChild;
  for (const row of rows) {
    let element = known.get(row.key);
    known.delete(row.key);
    if (!element) {
      element = create();
      element.dataset.key = row.key;
    }
    fill(element, row);
    if (element === next) next = next.nextElementSibling;
    else list.insertBefore(element, next);
  }
  for (const element of known.values()) element.remove();
}

function createAthlete() {
  const row = make("li", "");
  const button = make("button", "");
  button.type = "button";
  button.append(make("span", "name"), make("span", "time"), make("span", "places"), make("span", "details"));
  const note = make("div", "note");
  note.hidden = true;
  const input = make("input", "");
  input.setAttribute("aria-label", words.sayName);
  input.placeholder = words.sayName;
  note.append(input);
  row.append(button, note);
  button.addEventListener("click", () => toggle(row));
  input.addEventListener("input", () => localStorage.setItem(stored("note", row.dataset.bib), input.value));
  return row;
}

function toggle(row) {
  const said = row.classList.toggle("said");
  row.firstChild.setAttribute("aria-pressed", String(said));
  localStorage.setItem(stored("said", row.dataset.key), said ? "1" : "");
}

function fillAthlete(row, athlete) {
  if (row.dataset.bib === undefined) {
    row.dataset.bib = athlete.bib;
    const said = localStorage.getItem(stored("said", athlete.key)) === "1";
    row.classList.toggle("said", said);
    row.firstChild.setAttribute("aria-pressed", String(said));
    const input = row.querySelector("input");
    input.value = localStorage.getItem(stored("note", athlete.bib)) ?? "";
    row.querySelector(".note").hidden = input.value === "";
  }
  write(row.querySelector(".name"), athlete.name);
  const places = athlete.boards.map((board) => `${board.title}: ${board.place_text}`);
  write(row.querySelector(".places"), places.join(" · "));
  const ascii = athlete.name_ascii === athlete.name ? "" : athlete.name_ascii;
  const state = athlete.state ? stateWord(words, athlete) : pointLabel(athlete.point_name, words);
  const bad = [athlete.case_open ? words.inReview : "", BAD.includes(athlete.status) ? words[athlete.status] : ""].filter(Boolean).join(", ");
  const from = athlete.club ?? athlete.team;
  const details = [`${words.bib} ${athlete.bib}`, athlete.race_name, from, athlete.nationality, ascii, state, bad];
  write(row.querySelector(".details"), details.filter(Boolean).join(" · "));
  row.querySelector(".details").classList.toggle("warn", bad !== "");
  if (athlete.at) write(row.querySelector(".time"), athlete.time ?? "");
}

function duration(seconds) {
  const pad = (value) => String(value).padStart(2, "0");
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor(seconds / 60) % 60;
  return hours ? `${hours}:${pad(minutes)}:${pad(seconds % 60)}` : `${minutes}:${pad(seconds % 60)}`;
}

function tick() {
  for (const { element, atUs, text } of countdowns) {
    const seconds = Math.round((atUs / 1000 - Date.now() - offsetMs) / 1000);
    write(element, text(seconds));
  }
}

/** Return how the announcer calls somebody who can still take a place: by bib and name, and until when. */
function rivalName(rival) {
  const name = `${rival.bib} ${rival.name}`;
  return rival.until ? filled(words.until, { name, time: rival.until.slice(11, 19).replace(/^0/, "") }) : name;
}

function podiumLine(board, bib) {
  const text = podiumText(board, bib, words, { namedMax: RIVALS_NAMED, nameOf: rivalName });
  return text === null ? [] : [make("p", "podium", text)];
}

function show(data) {
  write($("h1"), `${data.name} · ${words.announcer}`);
  write($("#connection"), words.live);
  $("#connection").className = "";
  const next = data.approaching.map((athlete) => ({ ...athlete, key: `next ${athlete.bib}` }));
  const done = data.finished.map((athlete) => ({ ...athlete, key: `done ${athlete.bib} ${athlete.at_us}` }));
  arrange($("#next ol"), next, fillAthlete, createAthlete);
  arrange($("#done ol"), done, fillAthlete, createAthlete);
  write($("#next .empty"), next.length ? "" : words.nobodyNext);
  write($("#done .empty"), done.length ? "" : words.nobodyDone);
  const leaders = data.leaders.filter((board) => board.rows.length).flatMap((board) => [
    make("h3", "", board.title),
    ...board.rows.flatMap((row) => [
      make("p", "", `${row.place_text}. ${row.name} · ${pointLabel(row.point_name, words)} ${row.time} ${row.gap ?? ""}`),
      ...podiumLine(board, row.bib),
    ]),
  ]);
  $("#leaders").replaceChildren(...leaders);
  $("#firsts").replaceChildren(...data.firsts.map((row) => make("li", "", `${row.title}: ${row.name} ${row.time ?? ""}`)));
  const cutoffs = data.cutoffs.map(() => make("li", ""));
  $("#cutoffs").replaceChildren(...cutoffs);
  for (const list of ["leaders", "firsts", "cutoffs"]) $(`#${list}-title`).hidden = !$(`#${list}`).firstChild;
  countdowns = [
    ...next.map((athlete, index) => ({
      element: $("#next ol").children[index].querySelector(".time"),
      atUs: athlete.expected_us,
      text: (seconds) => (seconds > 0 ? `≈ ${duration(seconds)}` : words.due),
    })),
    ...data.cutoffs.map((cutoff, index) => ({
      element: cutoffs[index],
      atUs: cutoff.at_us,
      text: (seconds) =>
        `${cutoff.race_name}, ${pointLabel(cutoff.point_name, words)}: ${duration(Math.max(seconds, 0))} · ` +
        filled(words.cutoffCounts, { passed: cutoff.passed, onCourse: cutoff.on_course }),
    })),
  ];
  tick();
}

async function load(source) {
  const sent = Date.now();
  const { now_us } = await source.get("/v1/time");
  offsetMs = now_us / 1000 - (sent + Date.now()) / 2;
  return source.get("announce", { lang });
}

function fault(reason, status) {
  if (!reason) return;
  const why = { 401: words.needsKey, 403: words.needsKey, 404: words.notFound }[status];
  write($("#connection"), why ?? ($("h1").textContent ? words.lastState : words.offline));
  $("#connection").className = "warn";
}

function move(step) {
  const list = document.activeElement.closest("section") ?? $("#next");
  const buttons = [...list.querySelectorAll("li button")];
  const index = buttons.indexOf(document.activeElement);
  buttons[Math.max(0, Math.min(buttons.length - 1, index + step))]?.focus();
}

const KEYS = {
  j: () => move(1), ArrowDown: () => move(1), k: () => move(-1), ArrowUp: () => move(-1),
  ArrowLeft: () => $("#next li button")?.focus(), ArrowRight: () => $("#done li button")?.focus(),
  "?": () => $("dialog").showModal(),
  n: () => {
    const note = document.activeElement.closest("li")?.querySelector(".note");
    if (!note) return;
    note.hidden = false;
    note.firstChild.focus();
  },
};

addEventListener("keydown", (pressed) => {
  if ($("dialog").open || pressed.ctrlKey || pressed.metaKey || pressed.altKey) return;
  if (pressed.target.localName === "input") {
    if (!["Enter", "Escape"].includes(pressed.key)) return;
    pressed.preventDefault(); // or the button that gets the focus takes the key for a click
    pressed.target.closest("li").querySelector("button").focus();
    return;
  }
  const work = KEYS[pressed.key];
  if (!work) return;
  pressed.preventDefault();
  work();
});
$("#keys").addEventListener("click", () => $("dialog").showModal());
$("dialog button").addEventListener("click", () => $("dialog").close());
setInterval(tick, 500);
new Source({ server: "", event, key }, { load, show, fault });
