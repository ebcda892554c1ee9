"""Jobs: requests that are answered in the background, for work longer than a client waits."""
