"""Readers that keep a connection with us: dialled (RACE RESULT, Ultra, IPICO, LLRP) or calling (ChronoTrack).

How it is made, for whoever adds one:

- `decoders/messages.py` has the words: a protocol is a `Reader` (`begin`, `feed`, `tick`, `take`; no socket, no
  clock), one object a connection, that turns bytes into `DecodedRead`, `Notice`, `Unreadable` and `CursorAdvanced`,
  in order.
- `delivery.py` brings messages to the race log, in order, each until it is acknowledged. A `CursorAdvanced` moves the
  durable cursor when everything before it is. `put` waits while too much waits: whoever reads a socket stops reading.
- `backlog.py` is what waits: in memory, where the device keeps its own log; `journal.py` is the same on disk, for
  protocols that cannot send again: messages are there, synced, before `put` returns.
- `link.py` has the connections: `Dialler` calls a reader and again and again; `Caller` takes readers that call us.
  Both make the protocol by `make(cursor)`, where `cursor` is how far everything was handed over, and both take more
  messages by `delivery.put` from whoever fetches them elsewhere (a replay on another port).
- `running.py` puts these together: `dialling(source, race_log, metrics, now_us, data_folder, make)` and `listening(...,
  address)` give a `Running`; `journalled=True` takes the journal. `Running.add(coroutine)` has something more run as
  long as the reader, which puts messages by `running.delivery.put` and reads `running.delivery.cursor()`.
- One module a protocol (`raceresult.py`, `ultra.py`) has `async start(source, race_log, metrics, now_us,
  data_folder) -> Running`; `Running.close()` ends it, `Running.failed` is a future that fails with what it could not
  go on from, `Running.port` is where it listens (null for one that dials).

A reader's device on the log is `devices["<where>/<antenna>"]` of the source, else `devices["<where>"]`, else `where`,
else the gateway's name.
"""
