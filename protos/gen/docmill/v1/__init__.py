"""The public API of docmill: messages and stubs generated from protos/docmill/v1."""
