"""Tests of the whole project, by kind: unit, contract, faults, crash, pages, e2e."""
