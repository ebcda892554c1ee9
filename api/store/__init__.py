"""The control plane's rows in PostgreSQL: plain SQL, one module per topic."""
