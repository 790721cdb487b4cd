// The settings of a graphic: from the query of a page or from the data of an OGraf renderer. What is not usable is left
// at its default, so that no address can bring foreign style or script into a graphic.

const COLOUR = /^#?([0-9a-f]{6})$/i;

const text = (fallback) => (value) => (typeof value === "string" && value !== "" ? value : fallback);
const choice = (...known) => (value) => (known.includes(value) ? value : known[0]);
const number = (least, most, fallback) => (value) => {
  const parsed = Number(value);
  return value !== "" && Number.isFinite(parsed) && value !== null && value !== undefined
    ? Math.min(most, Math.max(least, Math.round(parsed)))
    : fallback;
};
const colour = (value) => {
  const match = COLOUR.exec(value ?? "");
  return match ? `#${match[1].toLowerCase()}` : "";
};
const server = (value) => {
  try {
    const address = new URL(value);
    return ["http:", "https:"].includes(address.protocol) ? address.origin + address.pathname.replace(/\/+$/, "") : "";
  } catch {
    return "";
  }
};

const READ = {
  server,
  event: text(""),
  key: text(""),
  race: text(""),
  wave: text(""),
  board: text(""),
  point: text(""),
  bib: text(""),
  title: text(""),
  rows: number(1, 20, 0),
  lang: choice("", "en", "vi"),
  theme: choice("dark", "light"),
  side: choice("left", "right"),
  size: number(50, 200, 100),
  accent: colour,
  panel: colour,
  ink: colour,
};

export const NAMES = Object.keys(READ);

/** Return all settings, from an object with some of them as texts or numbers. */
export function settingsOf(given) {
  return Object.fromEntries(NAMES.map((name) => [name, READ[name](given[name])]));
}
