"""The edition for one machine: a supervisor of PostgreSQL and the services, and the `vakka` command."""
