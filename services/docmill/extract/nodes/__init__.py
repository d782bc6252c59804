"""The nodes of a flow, one module each; `docmill.extract.pipeline` runs them in order."""
