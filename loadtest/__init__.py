"""Simulated races with their true results: a seeded simulator, and drivers that send its races.

    simulate(definition, size, seed) -> Simulation        loadtest.simulation
        .definition  .entries  .truth                      the entries, and the true results by bib
        .opening  .guns  .rulings  .closing                officials' facts with the instants at which they are due
        .deliveries() -> Iterator[Delivery]                the gateways' batches in the order of their arrival
        .log_lines() -> Iterator[bytes]                    the day as a log that `matline score` reads
        .sources_toml(address) -> str                      `[[sources]]` for the mats that speak MYLAPS
    drive(simulation, url, ...) -> Driven                  loadtest.driver: sends it to a real ingest over HTTP and TCP

All of this is marked: the event's name ends in "(simulated)", and no entrant is a real person.
"""
