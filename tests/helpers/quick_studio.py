"""`paint.py` whose studio saves how far a painting is after each step, not after five seconds.

Its processes begin with this file, too, under another name; the studio itself must not import what they need.
"""

if __name__ == "__main__":
    from painter.cli import run_program

    run_program()
else:
    from painter.studio import task_worker

    task_worker.AUTOSAVE_SECONDS = 0.0
