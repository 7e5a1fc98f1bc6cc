"""The page in the browser: a server with a REST API, and the page itself in `static/`."""
