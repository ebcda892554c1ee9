"""`_evaluate`: how well a query does on rows whose answer is known and that it hasn't learned from."""

from instance_agent.query.endpoints.evaluate.evaluation import evaluate

__all__ = ["evaluate"]
