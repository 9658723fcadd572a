# The image of bridge: docs/container.md says how to run it. It is kept to what buildah 1.28 can build, too: no
# `COPY --link`, no here-documents. The base has to bring Python 3.11 or newer as `python3`, with venv and pip.
ARG BASE_IMAGE=python:3.13-slim

FROM ${BASE_IMAGE} AS dependencies
# With traces: requirements-otel.lock.
ARG REQUIREMENTS=requirements.lock
WORKDIR /build
COPY ${REQUIREMENTS} requirements.txt
# A package index of one's own: `--secret id=pip,src=pip.conf`; it stays out of the image.
# The .pyc files are believed without a look at the .py file, whose time no builder has to keep: the root is read-only.
RUN --mount=type=secret,id=pip,target=/etc/pip.conf,mode=0444 \
    python3 -m venv --without-pip /opt/bridge \
    && python3 -m pip --python /opt/bridge/bin/python3 --disable-pip-version-check install \
        --no-cache-dir --no-compile --only-binary :all: --require-hashes --requirement requirements.txt \
    && find /opt/bridge -type d \( -name tests -o -name testing \) -prune -exec rm -r {} + \
    && python3 -m compileall -q --invalidation-mode unchecked-hash /opt/bridge/lib

FROM dependencies AS package
COPY requirements-build.lock ./
RUN --mount=type=secret,id=pip,target=/etc/pip.conf,mode=0444 \
    python3 -m venv /build/tools \
    && /build/tools/bin/pip --disable-pip-version-check install \
        --no-cache-dir --only-binary :all: --require-hashes --requirement requirements-build.lock
COPY pyproject.toml README.md LICENSE ./
COPY bridge bridge
# Below /installed lies what this adds to the dependencies: a layer of its own, the only one that a release changes.
RUN /build/tools/bin/pip --disable-pip-version-check wheel \
        --no-cache-dir --no-index --no-deps --no-build-isolation --wheel-dir /build/wheel . \
    && python3 -m pip --python /opt/bridge/bin/python3 --disable-pip-version-check install \
        --no-cache-dir --no-compile --no-index --no-deps --no-warn-script-location --root /installed /build/wheel/*.whl \
    && python3 -m compileall -q --invalidation-mode unchecked-hash -s /installed /installed \
    && mkdir /build/empty

FROM ${BASE_IMAGE}
COPY --from=dependencies /opt/bridge /opt/bridge
COPY --from=package /installed/opt/bridge /opt/bridge
COPY --from=package --chown=10001:10001 /build/empty /var/lib/bridge
# Every verb can be imported; and a base without .pyc files of the standard library, as the official one, gets those
# that are needed: else every start, and every look at its health, would compile them again.
RUN ["/opt/bridge/bin/python3", "-c", "import importlib, pkgutil, bridge.cli as verbs; \
    [importlib.import_module('bridge.cli.' + verb.name) for verb in pkgutil.iter_modules(verbs.__path__)]"]
ENV PATH=/opt/bridge/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    BRIDGE_CONFIG=/etc/bridge/config/bridge.yaml
USER 10001:10001
# Where the SQLite file of the default configuration goes. It is not declared a VOLUME: one that was forgotten is to
# show when bridge starts, not when the container is replaced.
WORKDIR /var/lib/bridge
EXPOSE 8080 9090
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 CMD ["bridge", "health"]
ENTRYPOINT ["bridge"]
CMD ["serve"]
# Last, since they change with every build.
ARG TITLE=bridge
ARG DESCRIPTION="Publishes from where people decide to where posts go: webhooks and API calls in, Partner APIs out, every state change told."
ARG LICENSES=MIT
ARG SOURCE=
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title=$TITLE \
      org.opencontainers.image.description=$DESCRIPTION \
      org.opencontainers.image.licenses=$LICENSES \
      org.opencontainers.image.source=$SOURCE \
      org.opencontainers.image.version=$VERSION \
      org.opencontainers.image.revision=$REVISION
