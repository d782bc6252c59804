"""Working: jobs off the bus, documents opened in child processes, facts back on the bus. No database, no use cases."""
