"""Viewers of a running live: clients that poll boards, streams that wait for changes, and the first load of a page.

`python -m loadtest.viewers` measures a live by them, and the part `viewers` of `loadtest.bench` does with a race
that runs meanwhile. They are made so that a few processes keep a server busy; each report says how busy the clients
were themselves.
"""
