// Follow a Matline server by asking again every second: 304 while nothing changed. Not by its event stream, since a
// browser opens only six connections to a server: OBS with six graphics would have none left. What was loaded last
// stays when the server is away; a graphic on air never goes blank and never shows an error.

const ASK_MS = 1000;
const FETCH_MS = 8000; // a frozen server must not hold up the next attempt

/** Runs `load` again and again, and passes what it returns to `show`, or why it failed to `fault`: a text ("": it did not) and the status. */
export class Source {
  #base;
  #server;
  #key;
  #timer = null;
  #stopped = false;

  constructor({ server, event, key }, { load, show, fault }) {
    this.#base = `${server}/v1/events/${encodeURIComponent(event)}`;
    this.#server = server;
    this.#key = key;
    this.#run(load, show, fault);
  }

  stop() {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  /** Return the JSON at a path below the event (of the server when it begins with `/`). Rejects unless it is 200. */
  async get(path, query = {}) {
    const given = Object.entries(query).filter(([, value]) => value !== "" && value !== undefined && value !== null);
    const parameters = new URLSearchParams(given);
    if (this.#key) parameters.set("key", this.#key);
    const place = path.startsWith("/") ? this.#server + path : this.#base + (path && `/${path}`);
    const address = parameters.size ? `${place}?${parameters}` : place;
    const answer = await fetch(address, { cache: "no-cache", signal: AbortSignal.timeout(FETCH_MS) });
    const body = await answer.json();
    if (!answer.ok) throw Object.assign(new Error(body.detail ?? `${answer.status} ${answer.statusText}`), { status: answer.status });
    return body;
  }

  async #run(load, show, fault) {
    try {
      const data = await load(this);
      if (this.#stopped) return;
      show(data);
      fault("");
    } catch (error) {
      if (!this.#stopped) fault(String(error.message ?? error), error.status);
    }
    if (!this.#stopped) this.#timer = setTimeout(() => this.#run(load, show, fault), ASK_MS);
  }
}
