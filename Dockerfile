# The studio in a container, on a CPU: docker compose up, then open the address with its token from the log.
FROM python:3.12-slim

# Kernels are compiled for this kind of processor, so that they need not be compiled anew where the image runs.
ARG PROCESSOR=x86-64-v3
ENV NUMBA_CPU_NAME=$PROCESSOR \
    NUMBA_CACHE_DIR=/opt/impasto/kernels \
    PYTHONUNBUFFERED=1 \
    PATH=/opt/impasto/bin:$PATH

RUN useradd --create-home --uid 1000 painter \
    && mkdir -p /opt/impasto /paintings \
    && chown painter /opt/impasto /paintings
USER 1000
WORKDIR /home/painter

COPY --chown=painter setup.cfg pyproject.toml paint.py README.md LICENSE source/
COPY --chown=painter checkpoints source/checkpoints
COPY --chown=painter renderers source/renderers
COPY --chown=painter painter source/painter
RUN pip install --no-cache-dir --user "uv>=0.7,<1" \
    && python -m uv venv /opt/impasto \
    && python -m uv pip install --no-cache --python /opt/impasto/bin/python --torch-backend cpu "./source[studio]" \
    && rm -rf source

# Four tiny paintings compile the kernels of all brushes.
RUN for style in oil watercolor marker tape; do \
      impasto --style "$style" --strokes 8 --size 64 --iterations 4 --relief 0.5 -o "/tmp/$style.png" --no-strokes || exit 1; \
    done \
    && rm -f /tmp/*.png

VOLUME /paintings
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "import socket; socket.create_connection(('127.0.0.1', 8080), 3).close()"]
CMD ["impasto", "studio", "--host", "0.0.0.0", "--no-browser", "--folder", "/paintings"]
