// The language of a graphic.

import { WORDS } from "./words.js";

/** Return the words of a language: the one asked for, else that of the event's names, else English. */
export function wordsOf(asked, shown) {
  const tag = asked || (shown ?? "").slice(0, 2);
  return WORDS[tag] ?? WORDS.en;
}
