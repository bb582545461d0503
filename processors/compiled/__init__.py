"""View programs, compiled: from a writer schema and the views of a lane to functions over the bytes of an event.

`spans` says where the parts of an event lie, `plan` what becomes of each in a view (as data that can be printed, and
that another back end could run), `scanning` and `making` write both as Python. What they cannot take (a form that
usual writers do not give, a value that does not parse) is for the slow path, which decides.
"""
