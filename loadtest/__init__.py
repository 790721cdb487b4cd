"""Races that never were, with their truth: a seeded simulator, and drivers that send it.

    simulate(definition, size, seed) -> Simulation        loadtest.simulation
        .definition  .entries  .truth                      what is entered, and what must come out, by bib
        .opening  .guns  .rulings  .closing                officials' facts, each with the instant when it is due
        .deliveries() -> Iterator[Delivery]                what gateways push, in the order of its arrival
        .log_lines() -> Iterator[bytes]                    all of it as a log that `matline score` reads
        .sources_toml(address) -> str                      `[[sources]]` for the mats that speak MYLAPS
    drive(simulation, url, ...) -> Driven                  loadtest.driver: sends it to a real ingest, by HTTP and TCP

Everything made here is marked: the event's name ends in "(simulated)", and no entrant is a real person.
"""
