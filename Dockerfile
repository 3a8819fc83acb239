# The headless parts: recording with the embedded simulator or a running AirSim, relabelling,
# dataset files. With --build-arg EXTRAS=bench also networks and scores.
#
#   docker build -t airseg .
#   docker run --rm --user "$(id -u):$(id -g)" -v "$PWD:/data" \
#     airseg record loop_walk --embedded --out recordings
#   docker run --rm -p 127.0.0.1:41451:41451 airseg sim --host 0.0.0.0

FROM python:3.12-slim AS wheel
RUN apt-get update && apt-get install --yes --no-install-recommends git && rm -rf /var/lib/apt/lists/*
COPY . /source
WORKDIR /source
RUN pip install --no-cache-dir build && python -m build --wheel --outdir /wheels

FROM python:3.12-slim
ARG EXTRAS=""
COPY constraints.txt /tmp/constraints.txt
RUN --mount=type=bind,from=wheel,source=/wheels,target=/wheels \
    pip install --no-cache-dir --constraint /tmp/constraints.txt \
      "$(ls /wheels/*.whl)${EXTRAS:+[$EXTRAS]}" \
    && useradd --create-home airseg && mkdir /data && chown airseg /data
# Files made in a mounted folder belong to whom `--user` names, a user whom the image does not
# know. So what is compiled lies where each can read it, and write it again on another processor.
ENV NUMBA_CACHE_DIR=/var/cache/airseg/numba \
    TORCHINDUCTOR_CACHE_DIR=/var/cache/airseg/inductor
RUN mkdir --parents --mode=1777 /var/cache/airseg && mkdir --mode=1777 "$NUMBA_CACHE_DIR" \
    "$TORCHINDUCTOR_CACHE_DIR"
USER airseg
WORKDIR /data
# The renderer compiles its kernels here, so that the first frame does not wait for them.
RUN airseg record loop_walk --embedded --frames 1 --out /tmp/warm && rm -rf /tmp/warm \
    && chmod --recursive a+rwX "$NUMBA_CACHE_DIR"/*
ENTRYPOINT ["airseg"]
CMD ["--help"]
