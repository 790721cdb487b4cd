// The graphics by the names of their pages, and as custom elements for pages of others:
// <matline-leaderboard server="https://results.example.org" event="example-2026" rows="5"></matline-leaderboard>

import { RaceClock } from "./clock.js";
import { Leaderboard } from "./leaderboard.js";
import { LowerThird } from "./lower-third.js";
import { NAMES } from "./settings.js";
import { SplitTimes } from "./split.js";

const GRAPHICS = { leaderboard: Leaderboard, split: SplitTimes, clock: RaceClock, "lower-third": LowerThird };

for (const [name, Graphic] of Object.entries(GRAPHICS)) {
  customElements.define(
    `matline-${name}`,
    class extends Graphic {
      static observedAttributes = NAMES;

      connectedCallback() {
        this.#read();
      }

      attributeChangedCallback() {
        if (this.isConnected) this.#read();
      }

      #read() {
        clearTimeout(this.reading);
        this.reading = setTimeout(() => this.isConnected && this.configure(attributes(this)), 0); // once for many
      }
    },
  );
}

function attributes(element) {
  const given = Object.fromEntries(NAMES.map((name) => [name, element.getAttribute(name) ?? ""]));
  return { ...given, server: given.server || new URL(import.meta.url).origin };
}
