"""What the observer asks its own Patroni and Postgres."""
import asyncio
import os
import signal
from pathlib import Path

import psycopg2
from psycopg2.extensions import parse_dsn

import fence_net
from fence_rules import Stream

DEADLINE_S = 0.5
POSTMASTER = Path("/var/lib/postgresql/data/postmaster.pid")
Error = psycopg2.Error

# A walreceiver is replaced a moment after the setting: the one that runs and the one that is to run both count.
STREAM = """
SELECT pg_is_in_recovery(),
       current_setting('primary_conninfo'),
       (SELECT conninfo FROM pg_stat_wal_receiver),
       CASE WHEN pg_is_in_recovery()
            THEN greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) - '0/0'::pg_lsn
            ELSE pg_current_wal_lsn() - '0/0'::pg_lsn END
"""


def _host(conninfo):
    return parse_dsn(conninfo).get("host", "") if conninfo else ""


def _stream():
    # The socket's folder and trust for it are ours; a query of Postgres' own views does not wait for anybody.
    link = psycopg2.connect(host="/var/run/postgresql", user="postgres", dbname="postgres", connect_timeout=2)
    try:
        link.autocommit = True
        with link.cursor() as cursor:
            cursor.execute(STREAM)
            in_recovery, told, sender, received = cursor.fetchone()
    finally:
        link.close()
    return Stream(in_recovery, _host(told), _host(sender), int(received))


async def stream():
    """What this member's Postgres receives. Raises Error when it does not say."""
    return await asyncio.to_thread(_stream)


async def is_primary():
    """Whether our own Patroni says that it leads and its Postgres takes writes."""
    try:
        await fence_net.http("127.0.0.1:8008", "GET", "/primary", "", DEADLINE_S)
        return (await stream()).in_recovery is False
    except (OSError, Error):
        return False


def stop():
    """Stops Postgres at once, and the Patroni whose loop should have done it; its supervisor starts a new one."""
    os.kill(int(POSTMASTER.read_text().split()[0]), signal.SIGQUIT)
    for name in Path("/proc").glob("[0-9]*/comm"):
        try:
            if name.read_text().strip() == "patroni":
                os.kill(int(name.parent.name), signal.SIGKILL)
        except (FileNotFoundError, ProcessLookupError):
            continue
