"""`make drill`: plants troubles in a running stack; a real Prometheus has to raise exactly their alerts."""
