"""Simulated readers: each speaks its protocol over real TCP, keeps a log, and fails as real ones do."""
