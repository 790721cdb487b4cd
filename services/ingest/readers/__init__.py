"""Readers that keep a connection with us: dialled (such as RACE RESULT) or calling (such as MYLAPS).

- `registry.py` names the protocols. Each is a module of `decoders` that ends in its row, `PROTOCOL`.
- `decoders/messages.py` is their vocabulary. A protocol is a `Reader` (`begin`, `feed`, `tick`, `take`; no socket, no
  clock), one object per connection, that turns bytes into messages, in order.
- `delivery.py` brings messages to the race log, in order, each until it is acknowledged. A `CursorAdvanced` moves the
  durable cursor, and an `Acknowledgement` answers the reader, when everything before it is there. `put` waits while too
  much waits, so the socket is not read meanwhile.
- `backlog.py` keeps the messages that wait: in memory, where the device keeps its own log; `journal.py` is the same on
  disk, for protocols that cannot send again: messages are there, synced, before `put` returns.
- `connection.py` has the connections: `Dialler` calls a reader again and again; `Caller` accepts readers that call.
- `reader_task.py` puts these together: `start_reader(source, context)` gives a `RunningReader`. Its `add` runs
  another task for as long as the reader runs; the task delivers messages with `running.delivery.put`.
- `supervisor.py` starts and stops the readers of `matline.toml`. `ipico.py` is the one protocol with a shell of its
  own: an Elite replays stored reads on another port.

A reader's device on the log is `devices["<where>/<antenna>"]` of the source, else `devices["<where>"]`, else `where`,
else the gateway's name.
"""
