"""Pure rules of the control plane: no I/O, no clock, no database."""
