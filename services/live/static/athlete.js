// An athlete's page and a comparison: they follow the event, and keep favourites. The server makes every part of them; where
// a part has changed, the new one takes its place.

import { follow } from "./connection.js";
import { favourites, starring } from "./favourites.js";
import { parsed, takeOver } from "./parts.js";
import { WORDS } from "./words.js";

const ASK_GAP_MS = 2000; // the page is asked for again at most so often, however many changes come
const OTHERS_GAP_MS = 15000; // when others' results have changed, which at most moves places
const SPREAD_MS = 500; // so that not all viewers ask in the same instant
const RETRY_MS = 5000;
const COMPARED_MAX = 4;

const $ = (id) => document.getElementById(id);
const words = WORDS[document.documentElement.lang];
const say = (word) => words[word] ?? word;
const event = $("main").dataset.event;
const key = new URL(location.href).searchParams.get("key");

const bibs = $("main").dataset.bibs.split(",").map((bib) => bib.trim()); // a bib may have a blank in it
let timer = null;
let dueAt = Infinity; // when the page is asked for again
let askedAt = performance.now(); // when it was asked for last

function askIn(gap) {
  const at = Math.max(performance.now(), askedAt + gap) + Math.random() * SPREAD_MS;
  if (dueAt <= at) return;
  clearTimeout(timer);
  dueAt = at;
  timer = setTimeout(ask, at - performance.now());
}

const askSoon = () => askIn(ASK_GAP_MS);

function changed(news) {
  if (news.bibs === null || news.bibs.some((bib) => bibs.includes(bib))) askSoon();
  else askIn(OTHERS_GAP_MS);
}

async function ask() {
  dueAt = Infinity;
  askedAt = performance.now();
  try {
    const answer = await fetch(location.href, { cache: "no-cache" });
    if (answer.ok && $("notice")) location.reload(); // the athlete is back, and no part is there to be taken over
    else if (answer.ok) takeOver(parsed(await answer.text()));
    else if (answer.status === 404) $("main").replaceChildren(parsed(await answer.text()).getElementById("notice"));
    else if (answer.status >= 429) setTimeout(askSoon, RETRY_MS);
  } catch {
    // The stream is lost too, and its return asks again.
  }
}

function connection(state) {
  $("connection").dataset.state = state;
  $("connection").textContent = say(state);
}

$("connection").hidden = false;
const star = $("favourite");
if (star) {
  starring(star, event, star.dataset.bib, say);
  star.hidden = false;
  $("others").value = favourites(event).filter((bib) => bib !== star.dataset.bib).slice(0, COMPARED_MAX - 1).join(", ");
}
follow(`/v1/events/${encodeURIComponent(event)}/stream${key ? `?key=${encodeURIComponent(key)}` : ""}`, {
  connection, askAgain: askSoon, changed,
});
