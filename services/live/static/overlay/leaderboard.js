// The best of a board or a team board, with times. Before anybody finished, the order at the furthest point reached.

import { LONG, inReview, loadEvent, loadRows, origin, stateWord } from "./board.js";
import { wordsOf } from "./language.js";
import { arrange } from "./motion.js";
import { element, Overlay, write } from "./overlay.js";

const ROWS = 10;

export class Leaderboard extends Overlay {
  #panel = null;

  async loadData(source) {
    const found = await loadEvent(source, this.settings);
    const rows = this.settings.rows || ROWS;
    if (found.board.teams) {
      const answer = await source.get(`teams/${encodeURIComponent(found.board.board)}`, { lang: this.settings.lang });
      return { ...found, ...answer, rows: answer.rows.slice(0, rows).map(teamRow), board: found.board };
    }
    const answer = await loadRows(source, { ...found, point: this.settings.point, rows });
    return { ...found, ...answer, board: found.board };
  }

  draw({ event, board, rows, at, isFinish, state, changed_since_official }) {
    const words = wordsOf(this.settings.lang, event.language);
    const panel = this.#made();
    panel.className = `panel board ${this.settings.side}${rows.length > LONG ? " long" : ""}`;
    panel.hidden = rows.length === 0;
    write(panel.querySelector("h1"), this.settings.title || board.title);
    const where = at && (isFinish ? words.finish : at.name);
    const standing = stateWord(words, { state, changed_since_official });
    write(panel.querySelector("p"), [where, standing].filter(Boolean).join(" · "));
    const lines = rows.map((row) => ({ key: row.key ?? row.bib, fill: (line) => fill(line, row, words) }));
    arrange(panel.querySelector("ol"), lines, makeLine, this.skips);
  }

  #made() {
    if (!this.#panel) {
      const head = element("header", "head", element("h1"), element("p"));
      this.#panel = element("section", "panel board", head, element("ol"));
      this.shadowRoot.append(this.#panel);
    }
    return this.#panel;
  }
}

function teamRow(row) {
  return { key: `team ${row.team}`, place_text: row.place_text, name: row.team, time: row.score_text };
}

function makeLine() {
  return element(
    "li", "",
    element("span", "place"),
    element("span", "who", element("span", "name"), element("span", "of")),
    element("span", "time"),
  );
}

function fill(line, row, words) {
  write(line.querySelector(".place"), row.place_text ?? "–");
  write(line.querySelector(".name"), row.name);
  write(line.querySelector(".time"), row.time ?? "");
  const of = line.querySelector(".of");
  const review = inReview(row);
  const text = [review ? words.inReview : "", origin(row)].join("|");
  if (of.dataset.text === text) return;
  of.dataset.text = text;
  of.replaceChildren(...(review ? [element("span", "review", words.inReview), " "] : []), origin(row));
}
