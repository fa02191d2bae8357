"""The decisions of the observers, as functions of what was seen: no clock, no network, no log.

Every one of them answers with an objection, the reason not to act, or with None.
"""
import csv
import io
from dataclasses import dataclass, field

# A look begins this often, s.
PERIOD_S = 0.3
# The leader must have been silent for this long, for each of those who vote, s.
HOLD_S = 1.5
# Fewer unanswered looks than this prove nothing, however much time went by.
LOOKS = 2
# An observer whose looks are further apart was itself asleep, frozen or starved, and starts from nothing, s.
GAP_S = 0.9
# Of three members; the suspect has no vote.
VOTES = 2
BACKEND = "postgres-primary"


class Silence:
    """For how long a member gave no sign of life to somebody who looked all that time."""

    def __init__(self, now_s):
        self._begin(now_s)
        self._looked_s = now_s

    def _begin(self, now_s):
        self._since_s = now_s
        self._unanswered = 0

    def look(self, now_s):
        """A look begins."""
        if now_s - self._looked_s > GAP_S:
            self._begin(now_s)
        self._looked_s = now_s

    def answered(self, now_s):
        self._begin(now_s)

    def unanswered(self):
        self._unanswered += 1

    def seconds(self, now_s):
        """0 for as long as it can't be told from a look that was slow, or from an observer that slept."""
        if self._unanswered < LOOKS or now_s - self._looked_s > GAP_S:
            return 0.0
        return now_s - self._since_s


@dataclass(frozen=True)
class Leader:
    """A leader key as it was read. `created` tells one term of a member from its next."""

    name: str
    lease: str
    created: str
    changed: str


@dataclass(frozen=True)
class Sync:
    """Who has to confirm the leader's commits: `names`, all but `quorum` of them."""

    leader: str = ""
    names: frozenset = frozenset()
    quorum: int = 0
    changed: str = "0"


@dataclass(frozen=True)
class Opinion:
    """What one observer says of the leader whom it watches."""

    member: str
    leader: str
    created: str
    silent_s: float


@dataclass(frozen=True)
class Snapshot:
    """One consistent read of what etcd knows. `marker` announces a revocation, until the next leader has promoted."""

    leader: Leader | None = None
    sync: Sync = Sync()
    members: dict = field(default_factory=dict)
    marker: dict | None = None
    marker_changed: str = "0"


@dataclass(frozen=True)
class Stream:
    """What a member's Postgres receives: from which host, from which it was told to, and how far it has come, bytes."""

    in_recovery: bool
    told: str
    sender: str
    received: int

    def takes_from(self, host):
        return host in (self.told, self.sender)


def voters(leader, opinions):
    """Who says that this leader, in this term, has been silent for the whole hold."""
    return {
        o.member
        for o in opinions
        if o.leader == leader.name and o.created == leader.created and o.silent_s >= HOLD_S and o.member != leader.name
    }


def is_fenced(statistics, server):
    """Whether a load balancer's statistics (CSV) say that the server is down, and so every client cut off from it.

    Not whether no session is left: that of a client that had gone away already stays until the server closes it, and one
    that is frozen or unreachable never does (seen on HAProxy 3.0). Nobody is there to be told anything.
    """
    rows = csv.DictReader(io.StringIO(statistics.lstrip("# ")))
    found = [row for row in rows if row.get("pxname") == BACKEND and row.get("svname") == server]
    return len(found) == 1 and (found[0].get("status") or "").startswith("DOWN")


def against_revoking(leader, opinions, fenced, now):
    """Why the lease of `leader`, silent by our own word, must not be revoked.

    `fenced` says of each load balancer whether it has given the leader up, `now` is what etcd said last.
    """
    if now.leader != leader:
        return "the leader key has changed"
    agreed = voters(leader, opinions)
    if len(agreed) < VOTES:
        return f"only {', '.join(sorted(agreed)) or 'nobody'} has not heard of it for {HOLD_S} s"
    if not fenced or not all(fenced.values()):
        missing = sorted(name for name, given_up in fenced.items() if not given_up)
        return f"not fenced at {', '.join(missing) or 'any load balancer'}"
    if now.sync.leader != leader.name or len(now.sync.names) <= now.sync.quorum:
        return "it may commit alone"
    if not now.sync.names <= agreed:
        return "who may confirm its commits did not all vote"
    return None


def against_promoting(suspect_host, mine, others):
    """Why a member, having the leader key, must not promote yet. `others` are the streams of all but it and the suspect."""
    for name, stream in sorted(others.items()):
        if stream is None:
            return f"{name} does not say whom it confirms to"
        if not stream.in_recovery:
            return f"{name} is a primary"
        if stream.takes_from(suspect_host):
            return f"{name} still confirms to {suspect_host}"
        if mine is None or stream.received > mine.received:
            return f"{name} has received more"
    return None


def is_deposed(me, now):
    """Whether somebody else has the key. A primary of whom that is true at two looks in a row has to be stopped."""
    return bool(now.leader and now.leader.name != me)


def marker_is_spent(me, now):
    """Whether the announced revocation is over: we lead, and not under the lease that was to be revoked."""
    return bool(now.marker and now.leader and now.leader.name == me and now.leader.lease != now.marker.get("lease"))
