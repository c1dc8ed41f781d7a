"""The durable queue, its supervisor and the processes it starts."""
