"""Many paintings: collections of unique tokens with their metadata, and folders painted in one go.

    jobs.py    one painting of many, as it is handed to a worker, and what comes back

A recipe says what the tokens are, a job what has to be painted, the ledger what is done.
"""
