"""Between the domain's values and the messages of `docmill.v1`: pure functions, no I/O.

Functions named `to_...` make messages, functions named `from_...` make domain values and raise `InvalidArgument`.
"""
