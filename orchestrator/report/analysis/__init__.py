"""What a report shows, as plain data: nothing here knows of HTML or of plotting."""
