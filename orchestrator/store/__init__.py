"""What a storage keeps of a sweep: its rows, its plan, its heartbeat and its failures."""
