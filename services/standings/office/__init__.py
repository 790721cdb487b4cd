"""Lists for the race office: entries to look into, declarations to collect, and who wins what. Pure.

They follow the office tables of a definition (`schemas.office`). Nothing here refuses an entry or changes a standing:
an entry stands until the office decides.
"""
