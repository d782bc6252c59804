"""What travels on the bus, generated from protos/docmill/internal/v1."""
