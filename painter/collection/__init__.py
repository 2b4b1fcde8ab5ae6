"""Many paintings: collections of unique tokens with their metadata, and folders painted in one go.

    jobs.py        one painting of many, as it is handed to a worker, and what comes back
    painting.py    what a worker does with it
    pools.py       who paints: processes of this machine (worker.py); ray_pool.py has those of many
    digests.py     what decides a painting's bytes
    ledger.py      what is done
    running.py     the driver: hands out jobs, and alone writes files and ledger
    folder.py      a folder of pictures as jobs

A recipe says what the tokens are, a job what has to be painted, the ledger what is done.
"""
