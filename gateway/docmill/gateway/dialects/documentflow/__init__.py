"""The batch surface: extract, batch, results and usage under `/v1`."""
