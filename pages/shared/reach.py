"""Whether others than this machine's own user can reach the server, by how it was started."""

from ipaddress import ip_address

from streamlit import config

#: The names by which a machine calls itself.
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")


def is_loopback(name: str) -> bool:
    """Whether a host name or address leads to the machine itself, whoever asks."""
    try:
        return ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return name == "localhost"


def open_to_others() -> str | None:
    """Return by which setting other machines can reach the server, for use in a sentence; None where none can."""
    address = config.get_option("server.address")
    if not address:
        return "it listens on every address (server.address is not set)"
    if not is_loopback(address):
        return f"it listens on {address} (server.address)"
    others = [name for name in config.get_option("server.allowedHosts") if not is_loopback(name)]
    if others:
        return f"it answers to the name {others[0]} (server.allowedHosts)"
    if config.get_option("server.corsAllowedOrigins"):
        return f"pages of {config.get_option('server.corsAllowedOrigins')[0]} may use it (server.corsAllowedOrigins)"
    return None
