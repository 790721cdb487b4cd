"""The protocols of readers, one module each: decode bytes as they come into reads, without socket, clock or broker."""
