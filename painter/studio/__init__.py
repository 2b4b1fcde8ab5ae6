"""The studio: a page on which a picture is painted before one's eyes. Optional: needs Starlette and uvicorn.

The server itself imports neither torch nor numba and starts at once; what paints, draws and reads strokes is in
processes of their own, each for one thing at a time, so that one that dies takes nothing else with it.

    serve.py        the server's life: socket, token, browser, end
    app.py          the routes
    security.py     what every request must pass, and what every answer says
    requests.py     what pages ask for, checked: options without files of this machine, limits
    job_queue.py    the queue, fair to all who wait; jobs and who watches them
    pool.py         processes that work, kept warm, replaced when they die
    task_worker.py  such a process: paints, restyles, exports, reads stroke files; it begins in worker_entry.py
    messages.py     a header and bytes as one message, between processes and to the page
    library.py      pictures, paintings and unfinished jobs on the disk
    forms.py        every option as the page shows it, made from the options' fields
    static/         the page; the browser's renderer is in renderers/webgl/
"""
