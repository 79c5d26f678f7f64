"""What the conversations with real daemons are made of: processes, databases, hosts, zones, trees, clients, observers."""
