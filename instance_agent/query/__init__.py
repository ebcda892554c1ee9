"""The query language: what a request may say (grammar), which rows it means (filters), and what is answered."""
