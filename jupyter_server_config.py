"""Settings of Jupyter's server, beside the reader's own: `make lab` and the container name this folder to Jupyter."""

c = get_config()  # noqa: F821 - Jupyter puts it here

# An upload button hands a file to the kernel in one message. Tornado's limit is 10 MiB: a larger photograph would cut
# the connection without a word.
c.ServerApp.tornado_settings = {"websocket_max_message_size": 100 * 2**20}
