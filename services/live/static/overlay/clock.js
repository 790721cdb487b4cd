// The time since the gun of a race or of one of its waves, by the server's clock.

import { wordsOf } from "./language.js";
import { element, Overlay, write } from "./overlay.js";

const TICK_MS = 100;
const SAMPLES_MS = 60000; // between two comparisons of this machine's clock with the server's

export class RaceClock extends Overlay {
  #panel = null;
  #timer = null;
  #offsetMs = null;
  #sampledAt = -Infinity;
  #gunUs = null;

  async loadData(source) {
    const { race: asked, lang, wave } = this.settings;
    const event = await source.get("", { lang });
    const race = asked ? event.races.find((known) => known.race === asked) : event.races[0];
    if (!race) throw new Error(asked ? `the event has no race ${asked}` : "the event has no race");
    await this.#compare(source);
    const guns = race.guns.filter((gun) => (wave ? gun.wave === wave : true)).map((gun) => gun.at_us);
    return { event, race, gunUs: guns.length ? Math.min(...guns) : null };
  }

  draw({ event, race, gunUs }) {
    const words = wordsOf(this.settings.lang, event.language);
    this.#gunUs = gunUs;
    const panel = this.#made();
    panel.className = `panel clock ${this.settings.side === "left" ? "left" : ""}`;
    write(panel.querySelector(".of"), this.settings.title || race.name);
    this.#timer ??= setInterval(() => this.#tick(), TICK_MS);
    this.#tick();
  }

  close() {
    super.close();
    clearInterval(this.#timer);
    this.#timer = null;
  }

  /** Compare the clocks: the server's is taken for the middle of the request, of which a shorter one is better. */
  async #compare(source) {
    if (performance.now() - this.#sampledAt < SAMPLES_MS) return;
    const sent = performance.now();
    const sentAt = Date.now();
    const { now_us } = await source.get("/v1/time");
    this.#offsetMs = now_us / 1000 - (sentAt + (performance.now() - sent) / 2);
    this.#sampledAt = performance.now();
  }

  #tick() {
    const nowMs = Date.now() + this.#offsetMs;
    const seconds = this.#gunUs === null ? 0 : Math.max(0, Math.floor((nowMs - this.#gunUs / 1000) / 1000));
    const pad = (value) => String(value).padStart(2, "0");
    const text = `${Math.floor(seconds / 3600)}:${pad(Math.floor(seconds / 60) % 60)}:${pad(seconds % 60)}`;
    write(this.#panel.querySelector(".digits"), text);
  }

  #made() {
    if (!this.#panel) {
      this.#panel = element("section", "panel clock", element("span", "digits"), element("span", "of"));
      this.shadowRoot.append(this.#panel);
    }
    return this.#panel;
  }
}
