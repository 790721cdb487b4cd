// Sentences that several pages make of the same words.

/** Return a sentence with its blanks filled in: `{name}` becomes `values.name`. */
export const filled = (sentence, values) => sentence.replace(/\{(\w+)\}/g, (_, name) => values[name]);

/** Return the name of a point: in words where the definition names START or FINISH by no other. */
export const pointLabel = (name, words) => ({ START: words.start, FINISH: words.finish })[name] ?? name;

/**
 * Return in words whether the place that a bib has can still change; null for other places, and for results that are
 * official. At most `namedMax` of those who can still take it are named, each by `nameOf`.
 */
export function podiumText(board, bib, words, { namedMax, nameOf }) {
  const place = board.podium.find((known) => known.bib === bib);
  if (!place || board.changed_since_official || !["live", "provisional"].includes(board.state)) return null;
  if (place.decided) return filled(words.decided, place);
  if (!place.rivals.length) return words.resultOpen;
  const names = place.rivals.slice(0, namedMax).map(nameOf);
  const unnamed = place.rivals_left_out + place.rivals.slice(namedMax).length;
  const others = unnamed ? ` ${filled(words.othersToo, { count: unnamed })}` : "";
  return filled(words.takenBy, { names: names.join(", ") + others });
}

/** Return the reasons why an official publication has no effect, each once: cases, protests and boards are counted. */
export function voidText(grounds, words) {
  const counts = new Map();
  for (const { reason } of grounds) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  return `${words.void} ${[...counts].map(([reason, count]) => filled(words[`void_${reason}`], { count })).join("; ")}.`;
}
