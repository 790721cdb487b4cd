// Rows that move to their new places, appear and leave. Without motion where the viewer's system asks for none.

const MOVE_MS = 700;
const FADE_MS = 450;
const EASE = "cubic-bezier(.2, .8, .2, 1)";

const still = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

/** Return a promise of the end of an animation; `null` when nothing is to move. */
export function animate(element, frames, { skip = false, duration = FADE_MS } = {}) {
  if (skip || still()) return null;
  return element.animate(frames, { duration, easing: EASE }).finished.catch(() => undefined);
}

/**
 * Bring the children of a list into the order of `rows`, each `{key, fill}`. An element lives as long as its key is in
 * the list; `fill(element)` writes its content.
 */
export function arrange(list, rows, make, skip = false) {
  const known = new Map([...list.children].filter((row) => !row.leaving).map((row) => [row.dataset.key, row]));
  const first = known.size === 0;
  const tops = new Map([...known].map(([key, row]) => [key, row.offsetTop]));
  const wanted = new Set(rows.map((row) => row.key));
  for (const [key, row] of known) if (!wanted.has(key)) leave(row, skip);
  let before = null;
  const entered = [];
  for (const [index, { key, fill }] of rows.entries()) {
    let row = known.get(key);
    if (!row) {
      row = make();
      row.dataset.key = key;
      entered.push(row);
    }
    fill(row);
    row.classList.toggle("leads", index === 0);
    const next = before ? before.nextElementSibling : list.firstElementChild;
    if (next !== row) list.insertBefore(row, next);
    before = row;
  }
  entered.forEach((row, index) =>
    animate(row, [{ opacity: 0, transform: "translateX(-1.5em)" }, { opacity: 1, transform: "none" }], {
      skip,
      duration: first ? FADE_MS + 60 * index : FADE_MS,
    }),
  );
  for (const [key, top] of tops) {
    const row = known.get(key);
    const moved = wanted.has(key) ? top - row.offsetTop : 0;
    if (!moved) continue;
    animate(row, [{ transform: `translateY(${moved}px)` }, { transform: "none" }], { skip, duration: MOVE_MS });
  }
}

function leave(row, skip) {
  row.leaving = true;
  delete row.dataset.key;
  const top = row.offsetTop;
  row.classList.add("leaving"); // out of the flow, so that the rows below move up at once
  row.style.top = `${top}px`;
  const done = animate(row, [{ opacity: 1 }, { opacity: 0 }], { skip });
  if (done) done.then(() => row.remove());
  else row.remove();
}
