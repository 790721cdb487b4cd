"""Race definitions, one TOML file each."""
