# One place for the base: both stages must have the same Python, since a venv points at it.
FROM python:3.12.13-slim-trixie AS base


FROM base AS builder

RUN python -m venv /opt/footnote
ENV PATH="/opt/footnote/bin:$PATH" \
    PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src

# Dependencies first: this layer stays cached for as long as only our code changes.
COPY pyproject.toml constraints.txt ./
RUN python -c "import tomllib; p = tomllib.load(open('pyproject.toml', 'rb'))['project']; \
print(*p['dependencies'], *p['optional-dependencies']['server'], sep='\n')" > requirements.txt \
    && pip install --no-cache-dir --constraint constraints.txt --requirement requirements.txt

COPY README.md LICENSE ./
COPY app/ app/
COPY graphs/ graphs/
COPY prompts/ prompts/
COPY ingestion/ ingestion/
COPY eval/ eval/
RUN pip install --no-cache-dir --constraint constraints.txt ".[server]"


FROM base

# A fixed uid, so that whoever mounts a folder at /data knows whom to give it to; created with
# its owner here, because a fresh named volume takes over the owner of the folder beneath it.
RUN groupadd --gid 10001 footnote \
    && useradd --uid 10001 --gid footnote --no-create-home --home-dir /data \
       --shell /usr/sbin/nologin footnote \
    && install --directory --owner=footnote --group=footnote /data

# Owned by root: the service cannot rewrite its own code.
COPY --from=builder /opt/footnote /opt/footnote

# HF_HOME and FASTEMBED_CACHE_PATH: a model chosen by name is downloaded once, into the volume.
ENV PATH="/opt/footnote/bin:$PATH" \
    PYTHONUNBUFFERED=1 \
    FOOTNOTE_DATA_DIR=/data \
    HF_HOME=/data/models/huggingface \
    FASTEMBED_CACHE_PATH=/data/models/fastembed

# By number: Kubernetes' runAsNonRoot cannot judge a name.
USER 10001:10001
# Where footnote.toml is looked for: mount one at /data/footnote.toml.
WORKDIR /data
VOLUME /data
EXPOSE 8000

# urllib, since the image has no curl; an HTTP proxy in the environment must not see this request.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "from urllib.request import ProxyHandler, build_opener; build_opener(ProxyHandler({})).open('http://127.0.0.1:8000/healthz', timeout=4)"]

ENTRYPOINT ["footnote"]
# Loopback would be the container's own: 0.0.0.0, and the publisher of the port decides who gets in.
CMD ["serve", "--host", "0.0.0.0", "--port", "8000"]
