// A graphic as an OGraf renderer drives it. Source: EBU OGraf v1, Specification, "Web Component Interface".

const STEPS = 1;

/** Return the class that a renderer registers: nothing is seen from `load()` until `playAction()`. */
export function graphicOf(Graphic) {
  return class extends Graphic {
    #data = {};
    #step; // undefined before the first step and after the last

    async load({ data, renderType }) {
      if (renderType && renderType !== "realtime") {
        return { statusCode: 501, statusMessage: "this graphic renders in real time only" };
      }
      this.#data = { ...data };
      this.#step = undefined;
      await this.show(false, { skip: true });
      await this.configure(this.#data, { skip: true });
      return { statusCode: 200 };
    }

    async dispose() {
      this.close();
      this.shadowRoot.replaceChildren();
      return { statusCode: 200 };
    }

    async playAction({ delta = 1, goto, skipAnimation = false } = {}) {
      const target = goto ?? (this.#step ?? -1) + delta;
      this.#step = target >= STEPS || target < 0 ? undefined : target;
      await this.show(this.#step !== undefined, { skip: skipAnimation });
      return { statusCode: 200, currentStep: this.#step };
    }

    async stopAction({ skipAnimation = false } = {}) {
      this.#step = undefined;
      await this.show(false, { skip: skipAnimation });
      return { statusCode: 200 };
    }

    async updateAction({ data, skipAnimation = false }) {
      this.#data = { ...this.#data, ...data };
      await this.configure(this.#data, { skip: skipAnimation });
      return { statusCode: 200 };
    }

    async customAction({ id }) {
      return { statusCode: 404, statusMessage: `there is no action ${id}` };
    }
  };
}
