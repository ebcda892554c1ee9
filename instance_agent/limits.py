"""The limits of one request, as the published service has them."""

LARGEST_BODY_BYTES = 10_485_760
LARGEST_BATCH_ROWS = 50_000
