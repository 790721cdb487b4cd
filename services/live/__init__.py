"""HTTP queries, feeds, server-sent events and the pages of the boards, served from ClickHouse."""
