"""What a finished or running sweep says: tables, verdicts, statistics and exports, read from its storage."""
