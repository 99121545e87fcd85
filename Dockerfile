# The course without CUDA, for a reader who has Docker:
#   docker build --tag transfer-learning .
#   docker run --rm --publish 127.0.0.1:8888:8888 transfer-learning
# and open the address that it prints. A folder of data: --volume "$PWD/data:/home/reader/course/data".
FROM python:3.12-slim-bookworm

RUN apt-get update \
    && apt-get install --yes --no-install-recommends git make \
    && rm -rf /var/lib/apt/lists/*

# Jupyter refuses to run as root.
RUN useradd --create-home --uid 1000 --shell /bin/bash reader
USER reader
ENV PATH=/home/reader/venv/bin:$PATH \
    JUPYTER_CONFIG_PATH=/home/reader/course

# The folder is made by the reader: one that WORKDIR makes belongs to root, and nothing could be written to it.
RUN mkdir /home/reader/course && python -m venv /home/reader/venv
WORKDIR /home/reader/course

# The lock alone first: the packages are installed anew only where it changes.
COPY --chown=reader:reader .binder/requirements.txt .binder/requirements.txt
RUN pip install --no-cache-dir -r .binder/requirements.txt
COPY --chown=reader:reader . .
RUN pip install --no-cache-dir --no-deps --editable .

EXPOSE 8888
CMD ["jupyter", "lab", "--ip=0.0.0.0", "--port=8888", "--no-browser", "--ServerApp.root_dir=.", "notebooks/00_start_here.ipynb"]
