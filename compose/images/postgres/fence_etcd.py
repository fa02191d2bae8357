"""What the observers read from etcd and write to it, over its JSON gateway."""
import base64
import json

import fence_net
from fence_rules import Leader, Snapshot, Sync

CLUSTER = "/gameday/gameday/"
LEADER = CLUSTER + "leader"
SYNC = CLUSTER + "sync"
MEMBERS = CLUSTER + "members/"
# Outside of what Patroni watches.
MARKER = "/gameday/fence"
# Longer than any promotion that follows a revocation, shorter than anybody's patience with a leftover, s.
MARKER_TTL_S = 60
DEADLINE_S = 0.4


def encode(text):
    return base64.b64encode(text.encode()).decode()


def decode(text):
    return base64.b64decode(text).decode()


def ranges(*keys):
    return [{"request_range": {"key": encode(key), **({"range_end": encode(end)} if end else {})}} for key, end in keys]


# One transaction, one revision: the leader's key, the members', the synchronous members, the marker. '0' follows '/'.
READ = {"success": ranges((LEADER, None), (MEMBERS, MEMBERS[:-1] + "0"), (SYNC, None), (MARKER, None))}


def snapshot(answer):
    """The answer to READ as a value."""
    leader, members, sync, marker = (one["response_range"].get("kvs", []) for one in answer["responses"])
    values = {"leader": None, "members": {}}
    if leader:
        key = leader[0]
        values["leader"] = Leader(decode(key["value"]), key.get("lease", "0"), key["create_revision"], key["mod_revision"])
    for key in members:
        values["members"][decode(key["key"])[len(MEMBERS):]] = json.loads(decode(key["value"]))
    if sync:
        value = json.loads(decode(sync[0]["value"]))
        names = frozenset(name for name in (value.get("sync_standby") or "").split(",") if name)
        values["sync"] = Sync(value.get("leader") or "", names, int(value.get("quorum") or 0), sync[0]["mod_revision"])
    if marker:
        values["marker"] = json.loads(decode(marker[0]["value"]))
        values["marker_changed"] = marker[0]["mod_revision"]
    return Snapshot(**values)


def unchanged(seen):
    """The comparisons that hold for as long as leader, lease, synchronous members and marker are as they were seen."""
    leader = {"key": encode(LEADER)}
    return [
        {**leader, "target": "VALUE", "value": encode(seen.leader.name)},
        {**leader, "target": "LEASE", "lease": seen.leader.lease},
        {**leader, "target": "MOD", "mod_revision": seen.leader.changed},
        {"key": encode(SYNC), "target": "MOD", "mod_revision": seen.sync.changed},
        {"key": encode(MARKER), "target": "MOD", "mod_revision": seen.marker_changed},
    ]


class Etcd:
    """A client of whichever member answers; the last that did is asked first."""

    def __init__(self, hosts):
        self._hosts = list(hosts)

    async def _post(self, path, body):
        failure = None
        for host in list(self._hosts):
            try:
                answer = json.loads(await fence_net.http(host, "POST", path, json.dumps(body), DEADLINE_S))
            except (OSError, ValueError, EOFError) as error:
                failure = error
                self._hosts.append(self._hosts.pop(0))
                continue
            return answer
        raise OSError(f"no etcd answers: {failure}")

    async def read(self):
        return snapshot(await self._post("/v3/kv/txn", READ))

    async def announce(self, seen, marker):
        """Writes the marker, and says whether it did: not when anything that was seen has changed since."""
        lease = (await self._post("/v3/lease/grant", {"TTL": MARKER_TTL_S}))["ID"]
        put = {"key": encode(MARKER), "value": encode(json.dumps(marker)), "lease": lease}
        answer = await self._post("/v3/kv/txn", {"compare": unchanged(seen), "success": [{"request_put": put}]})
        return answer.get("succeeded", False)

    async def forget(self, seen):
        """Deletes the marker, unless anything that was seen has changed since."""
        delete = {"request_delete_range": {"key": encode(MARKER)}}
        await self._post("/v3/kv/txn", {"compare": unchanged(seen), "success": [delete]})

    async def revoke(self, lease):
        await self._post("/v3/lease/revoke", {"ID": lease})
