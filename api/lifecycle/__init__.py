"""Long operations as durable workflows: each file reads like the runbook of one of them."""
