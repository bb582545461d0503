"""The compiled back end: view programs run for a whole batch by the extension `penstock_native`, where it is installed.

`program` gives the extension the plans as data, `batch_work` does a batch with it: deciding, keys and accounts stay
here, reading and making views are there. What it does not take goes event by event, as without it.
"""
