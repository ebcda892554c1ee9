"""Measurements beside other programs. No part of the product; not in the distribution."""
