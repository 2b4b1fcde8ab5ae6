"""Many paintings: folders painted in one go, and (in collection/) unique tokens with metadata.

    jobs.py         one painting of many, as a worker gets it, and what comes back
    folder.py       a folder of pictures as jobs
    digests.py      what decides a painting's bytes, as one sha256
    paint_job.py    what a worker does with a job
    pools.py        workers: processes of this machine (worker.py); ray_pool.py has those of a Ray cluster
    ledger.py       which jobs are done, in SQLite
    driver.py       hands out jobs; it alone writes files and the ledger
    collection/     recipes, tokens, metadata

A recipe says what the tokens are, a job what has to be painted, the ledger what is done. The driver never imports
torch; only workers do.
"""
