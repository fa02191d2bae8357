"""Questions with a deadline."""
import asyncio

# Asks Postgres whether it would encrypt: a forked backend answers with one byte, without a session and without a line in the log.
SSL_REQUEST = bytes([0, 0, 0, 8, 4, 210, 22, 47])
# What waits before Postgres is asked, too: a Patroni that answers spares it a fork, s.
HEDGE_S = 0.15


async def _exchange(host, request, size, deadline_s):
    """The first `size` bytes of an answer, all of it if -1. Raises OSError when it does not come in time."""
    address, port = host.rsplit(":", 1)
    writer = None
    try:
        async with asyncio.timeout(deadline_s):
            reader, writer = await asyncio.open_connection(address, int(port))
            writer.write(request)
            await writer.drain()
            answer = await reader.read(size)
    finally:
        if writer:
            writer.transport.abort()
    if not answer:
        raise ConnectionError("closed without an answer")
    return answer


def _request(method, path, body):
    head = f"{method} {path} HTTP/1.0\r\nHost: fence\r\nContent-Length: {len(body)}\r\n\r\n"
    return (head + body).encode()


async def http(host, method, path, body, deadline_s):
    """The body of an answer with status 200. Raises OSError for anything else."""
    answer = (await _exchange(host, _request(method, path, body), -1, deadline_s)).decode()
    head, _, content = answer.partition("\r\n\r\n")
    if " 200 " not in head.split("\r\n", 1)[0] + " ":
        raise OSError(f"{host}{path} says {head[:60]!r} {content[:200]!r}")
    return content


async def is_alive(patroni, postgres, deadline_s):
    """Whether either gives any answer at all: a member is silent only when both are."""

    async def late():
        await asyncio.sleep(HEDGE_S)
        await _exchange(postgres, SSL_REQUEST, 1, deadline_s - HEDGE_S)

    asked = [
        asyncio.ensure_future(_exchange(patroni, _request("GET", "/liveness", ""), 12, deadline_s)),
        asyncio.ensure_future(late()),
    ]
    try:
        for answer in asyncio.as_completed(asked):
            try:
                await answer
                return True
            except OSError:
                continue
        return False
    finally:
        for one in asked:
            one.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
