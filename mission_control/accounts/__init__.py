"""People: who they are, which team they act for, and the sessions they are signed in with."""
