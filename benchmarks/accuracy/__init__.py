"""How good predictions are, beside scikit-learn: `python -m benchmarks.accuracy`.

Every set is there without a network: what scikit-learn's own package brings along, what can be read off Python's
library and its table of Unicode, public problems that are defined by a rule, and this project's made-up invoices.
"""
