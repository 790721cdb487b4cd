"""Readers' protocols, one module each: bytes in any portions to reads; no socket, no clock, no broker."""
