"""The pages of the console, thin: read the request, one call, render."""
