"""The query language: what a request may say, which rows it means, what they teach, and what is answered."""
