"""The Python back end: view programs compiled to Python, run for a whole batch.

A batch is decided in columns, as with the compiled back end (`native`), whose parts for that it shares; then comes one
loop over events and agreements, in which nothing but what a view is made of happens. What a program does not take is
done by itself, in its place.
"""
