"""Lists for the race office: entries to check, declarations to collect, and prizes, medals and titles. Pure.

They follow the office tables of a definition (`schemas.office`). Nothing here refuses an entry or changes a standing:
an entry is valid until the office decides otherwise.
"""
