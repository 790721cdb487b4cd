"""The live service's HTTP interface. Source: contract, section 6."""
