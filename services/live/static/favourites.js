// The favourites of an event, which this browser keeps.

const FAVOURITES_MAX = 30; // each is asked for by itself

const stored = (event) => `favourites/${event}`;

/** Return the bibs of an event's favourites, in the order in which they were chosen. */
export function favourites(event) {
  try {
    const kept = JSON.parse(localStorage.getItem(stored(event)) ?? "[]");
    return Array.isArray(kept) ? kept.map(String).slice(0, FAVOURITES_MAX) : [];
  } catch {
    return []; // the browser keeps nothing for this page, or what another program wrote
  }
}

function toggle(event, bib) {
  const kept = favourites(event);
  const next = kept.includes(bib) ? kept.filter((other) => other !== bib) : [...kept, bib];
  localStorage.setItem(stored(event), JSON.stringify(next.slice(-FAVOURITES_MAX)));
}

/** Let a button make a favourite of a bib, or none any more; `changed` is called after that. */
export function starring(button, event, bib, say, changed = () => {}) {
  const show = () => {
    const starred = favourites(event).includes(bib);
    button.setAttribute("aria-pressed", String(starred));
    button.textContent = `${starred ? "★" : "☆"} ${say(starred ? "unfavourite" : "favourite")}`;
  };
  button.addEventListener("click", () => {
    toggle(event, bib);
    show();
    changed();
  });
  show();
}

/** Return such a button. */
export function starButton(event, bib, say, changed) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "star";
  starring(button, event, bib, say, changed);
  return button;
}
