"""The `docmill` command line. Heavy modules are imported inside the commands that need them: help must be quick."""
