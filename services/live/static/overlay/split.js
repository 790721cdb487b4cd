// The first at a point of the course, with the gaps between them.

import { LONG, inReview, loadEvent, loadRows, stateWord } from "./board.js";
import { wordsOf } from "./language.js";
import { arrange } from "./motion.js";
import { element, Overlay, write } from "./overlay.js";

const ROWS = 5;

export class SplitTimes extends Overlay {
  #panel = null;

  async loadData(source) {
    const found = await loadEvent(source, this.settings);
    if (found.board.teams) throw new Error(`${found.board.board} is a team board, which has no split times`);
    const answer = await loadRows(source, { ...found, point: this.settings.point, rows: this.settings.rows || ROWS });
    return { ...found, ...answer, board: found.board };
  }

  draw({ event, board, rows, at, isFinish, state, changed_since_official }) {
    const words = wordsOf(this.settings.lang, event.language);
    const panel = this.#made();
    panel.className = `panel split ${this.settings.side}${rows.length > LONG ? " long" : ""}`;
    panel.hidden = rows.length === 0;
    const km = new Intl.NumberFormat(this.settings.lang || event.language || "en", { maximumFractionDigits: 1 });
    const place = isFinish ? words.finish : at.name;
    const distance = `${km.format(at.km)} km`;
    const near = place.replace(/\s/g, "").toLowerCase() === distance.replace(/\s/g, "").toLowerCase();
    write(panel.querySelector("h1"), this.settings.title || (near || isFinish ? place : `${place} · ${distance}`));
    const standing = stateWord(words, { state, changed_since_official });
    write(panel.querySelector("p"), `${board.title} · ${standing}`);
    const lines = rows.map((row) => ({ key: row.bib, fill: (line) => fill(line, row, words) }));
    arrange(panel.querySelector("ol"), lines, makeLine, this.skips);
  }

  #made() {
    if (!this.#panel) {
      const head = element("header", "head", element("h1"), element("p"));
      this.#panel = element("section", "panel split", head, element("ol"));
      this.shadowRoot.append(this.#panel);
    }
    return this.#panel;
  }
}

function makeLine() {
  return element(
    "li", "",
    element("span", "place"),
    element("span", "who", element("span", "name")),
    element("span", "time"),
    element("span", "gap"),
  );
}

function fill(line, row, words) {
  write(line.querySelector(".place"), row.place_text);
  write(line.querySelector(".name"), [row.name, row.nationality].filter(Boolean).join(" · "));
  write(line.querySelector(".time"), row.time);
  write(line.querySelector(".gap"), inReview(row) ? words.inReview : (row.gap ?? ""));
  line.querySelector(".gap").classList.toggle("review", inReview(row));
}
