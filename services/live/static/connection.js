// The stream of an event: pages hear of changes by it, and of a server that is silent.

const OFFLINE_AFTER_MS = 10000; // the server says something every 5 s, so two of its beats are missing then
const WATCH_MS = 1000;
const RECONNECT_MS = 5000;

/**
 * Follow the stream at an address. `page.connection` gets the state: "connecting", "live" or "offline"; `page.askAgain` is
 * called when the stream is there again and anything may have changed, and `page.changed` with each change.
 */
export function follow(address, page) {
  let stream = null;
  let heardAt = performance.now(); // when the server last said anything
  let state = "connecting";

  function enter(entered) {
    state = entered;
    page.connection(state);
  }

  function heard() {
    heardAt = performance.now();
    if (state === "live") return;
    enter("live");
    page.askAgain();
  }

  function listen() {
    stream?.close();
    stream = new EventSource(address);
    stream.onopen = heard;
    stream.onerror = () => {
      if (state === "live") enter("connecting");
      if (stream.readyState === EventSource.CLOSED) setTimeout(listen, RECONNECT_MS); // refused, so the browser does not reconnect by itself
    };
    stream.addEventListener("heartbeat", heard);
    stream.addEventListener("snapshot", () => {
      heard();
      page.askAgain();
    });
    stream.addEventListener("case", () => {
      heard();
      page.askAgain();
    });
    stream.addEventListener("board", (message) => {
      heard();
      page.changed(JSON.parse(message.data));
    });
  }

  // A browser keeps a page that was left, for Back, and its stream with it: six of them would take all connections to a host.
  addEventListener("pagehide", () => stream.close());
  addEventListener("pageshow", (arrival) => {
    if (!arrival.persisted) return;
    heardAt = performance.now();
    enter("connecting");
    listen();
  });
  listen();
  // A frozen server sends no beat, though its connection may be open.
  setInterval(() => {
    if (performance.now() - heardAt > OFFLINE_AFTER_MS && state !== "offline") enter("offline");
  }, WATCH_MS);
}
