"""HTTP/1.1 as uvicorn speaks it, on sockets that the engine reads and writes itself."""
