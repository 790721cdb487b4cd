// One athlete: name, place and time, and on the course the expected finish. Without a bib, the leader.

import { loadEvent, loadRows, origin } from "./board.js";
import { wordsOf } from "./language.js";
import { animate } from "./motion.js";
import { element, Overlay, write } from "./overlay.js";

export class LowerThird extends Overlay {
  #panel = null;
  #bib = "";

  async loadData(source) {
    const { lang, board: asked } = this.settings;
    if (this.settings.bib) {
      const event = await source.get("", { lang });
      const athlete = await source.get(`athletes/${encodeURIComponent(this.settings.bib)}`, { lang });
      return { event, athlete, asked };
    }
    const found = await loadEvent(source, this.settings);
    if (found.board.teams) throw new Error(`${found.board.board} is a team board; name a board of athletes or a bib`);
    const answer = await loadRows(source, { ...found, point: this.settings.point, rows: 1 });
    if (!answer.rows.length) return { event: found.event, athlete: null };
    const athlete = await source.get(`athletes/${encodeURIComponent(answer.rows[0].bib)}`, { lang });
    return { event: found.event, athlete, asked: found.board.board };
  }

  draw({ event, athlete, asked }) {
    const panel = this.#made();
    panel.className = `panel third ${this.settings.side}`;
    panel.hidden = athlete === null;
    if (athlete === null) return;
    const words = wordsOf(this.settings.lang, event.language);
    const last = athlete.points.at(-1);
    const board = athlete.boards.find((known) => known.board === asked) ?? athlete.boards[0];
    const place = board && (board.place ?? (athlete.status === "ON_COURSE" ? last?.ranks[board.board] : null));
    write(panel.querySelector(".badge strong"), place ? String(place) : athlete.bib);
    write(panel.querySelector(".badge span"), place ? board.title : words.bib);
    write(panel.querySelector(".name"), athlete.name);
    const review = athlete.case_open ? words.inReview : "";
    const details = [place ? `${words.bib} ${athlete.bib}` : "", origin(athlete), review];
    write(panel.querySelector(".of"), details.filter(Boolean).join(" · "));
    const [time, note] = result(athlete, last, words);
    write(panel.querySelector(".result strong"), time);
    write(panel.querySelector(".result span"), note);
    if (athlete.bib !== this.#bib) {
      this.#bib = athlete.bib;
      const below = { opacity: 0, transform: "translateY(1.5em)" };
      animate(panel, [below, { opacity: 1, transform: "none" }], { skip: this.skips });
    }
  }

  #made() {
    if (!this.#panel) {
      this.#panel = element(
        "section", "panel third",
        element("div", "badge", element("strong"), element("span")),
        element("div", "who", element("span", "name"), element("span", "of")),
        element("div", "result", element("strong"), element("span")),
      );
      this.shadowRoot.append(this.#panel);
    }
    return this.#panel;
  }
}

/** Return the time to show and the line below it. */
function result(athlete, last, words) {
  if (athlete.status === "FINISHED") return [athlete.time, words.finish];
  if (athlete.status !== "ON_COURSE" || !last || last.point === "START") return ["", words[athlete.status]];
  const expected = athlete.projected_finish && `${words.expected} ≈ ${athlete.projected_finish}`;
  return [last.gun_time ?? last.chip_time, [last.name, expected].filter(Boolean).join(" · ")];
}
