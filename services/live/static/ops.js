// The page about the operation of the stack: it asks for itself every few seconds, with the token that an official has
// typed, and takes over the parts that the server has made anew. The token is kept in this tab alone.

import { parsed, takeOver } from "./parts.js";
import { WORDS } from "./words.js";

const ASK_MS = 5000;
const ANSWER_MS = 15000; // a frozen server must not hold up the next attempt
const TOKEN = "token";
const REFUSED = [401, 403]; // what a proxy answers while live is away says nothing of the token

const $ = (id) => document.getElementById(id);
const words = WORDS[document.documentElement.lang];

function ask() {
  const token = sessionStorage.getItem(TOKEN);
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  return fetch(location.href, { cache: "no-store", headers, signal: AbortSignal.timeout(ANSWER_MS) });
}

function connection(state) {
  const shown = $("connection");
  if (!shown) return;
  shown.hidden = false;
  shown.dataset.state = state;
  if (shown.textContent !== words[state]) shown.textContent = words[state];
}

async function follow() {
  try {
    const answer = await ask();
    if (answer.ok) takeOver(parsed(await answer.text()));
    if (REFUSED.includes(answer.status)) {
      sessionStorage.removeItem(TOKEN); // it was revoked: the page asks for another one
      location.reload();
      return;
    }
    connection(answer.ok ? "live" : "offline");
  } catch {
    connection("offline");
  }
  setTimeout(follow, ASK_MS);
}

async function open() {
  const answer = await ask().catch(() => null);
  if (!answer?.ok) {
    const refused = REFUSED.includes(answer?.status);
    if (refused) sessionStorage.removeItem(TOKEN);
    $("refused").hidden = false;
    $("refused").textContent = refused ? words.opsRefused : words.offline;
    return;
  }
  document.body.replaceChildren(...parsed(await answer.text()).body.childNodes);
  $("main").focus();
  connection("live");
  setTimeout(follow, ASK_MS);
}

if ($("sign-in")) {
  $("sign-in").addEventListener("submit", (submitted) => {
    submitted.preventDefault();
    sessionStorage.setItem(TOKEN, $("token").value.trim());
    open();
  });
  if (sessionStorage.getItem(TOKEN)) open();
} else {
  connection("live");
  setTimeout(follow, ASK_MS);
}
