// What all graphics share: settings, a source of data, and a shadow root that shows the last data that came.

import { animate } from "./motion.js";
import { settingsOf } from "./settings.js";
import { Source } from "./source.js";
import { dress } from "./style.js";

/**
 * A graphic. A subclass gives `loadData(source)`, which returns the data, and `draw(data)`.
 * Nothing is drawn before data came. `data-fault` holds why the last attempt failed, for whoever sets a graphic up.
 */
export class Overlay extends HTMLElement {
  #source = null;
  #data = null;
  #shown = true;
  #skip = false;

  constructor() {
    super();
    this.attachShadow({ mode: "open" });
    this.settings = settingsOf({});
  }

  /** Set all settings; those that are left out get their defaults. Resolves when the first data came or failed. */
  async configure(given, { skip = false } = {}) {
    const before = this.settings;
    this.settings = settingsOf(given);
    dress(this.shadowRoot, this.settings);
    this.#skip = skip;
    const about = ({ theme, side, size, accent, panel, ink, title, ...subject }) => JSON.stringify(subject);
    if (this.#source && about(before) === about(this.settings)) this.#draw();
    else await this.#follow();
    this.#skip = false;
  }

  disconnectedCallback() {
    this.close();
  }

  /** Stop following the server. */
  close() {
    this.#source?.stop();
    this.#source = null;
  }

  /** Whether rows and panels change without motion now. */
  get skips() {
    return this.#skip;
  }

  /** Show or hide the graphic. Resolves when it has appeared or gone. */
  async show(shown, { skip = false } = {}) {
    if (shown === this.#shown) return;
    this.#shown = shown;
    const [from, to] = shown ? [0, 1] : [1, 0];
    if (shown) this.hidden = false;
    await animate(this, [{ opacity: from }, { opacity: to }], { skip });
    this.hidden = !this.#shown;
  }

  #follow() {
    this.#source?.stop();
    return new Promise((resolve) => {
      this.#source = new Source(this.settings, {
        load: (source) => this.loadData(source),
        show: (data) => {
          this.#data = data;
          this.#draw();
          resolve();
        },
        fault: (reason) => {
          if (reason && reason !== this.dataset.fault) console.warn(`${this.localName}: ${reason}`);
          this.dataset.fault = reason;
          if (reason) resolve();
        },
      });
    });
  }

  #draw() {
    if (this.#data) this.draw(this.#data);
  }
}

/** Return an element with a class and a text or children. */
export function element(name, className = "", ...content) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...content.filter((child) => child !== null && child !== undefined && child !== ""));
  return made;
}

/** Write a text, unless it is there already. */
export function write(target, text) {
  if (target.textContent !== text) target.textContent = text;
}
