"""Where the server is, below the address of the service."""

PATH = "/mcp"
USER_PATH = "/mcp/u/{user}"
ROUTES = (("POST", PATH), ("POST", USER_PATH))
