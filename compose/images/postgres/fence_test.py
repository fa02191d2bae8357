"""Run when the image is built."""
import dataclasses
import unittest

import fence_etcd
import fence_rules as rules
from fence_rules import Leader, Opinion, Silence, Snapshot, Stream, Sync

LEADER = Leader("postgres-1", "7", "100", "100")
NOW = Snapshot(LEADER, Sync("postgres-1", frozenset({"postgres-2", "postgres-3"}), 1, "90"))
FENCED = {"a:8404": True, "b:8404": True}


def opinion(member, **changes):
    return dataclasses.replace(Opinion(member, "postgres-1", "100", 1.6), **changes)


def against(opinions=None, fenced=None, now=NOW):
    both = [opinion("postgres-2"), opinion("postgres-3")]
    return rules.against_revoking(LEADER, both if opinions is None else opinions, FENCED if fenced is None else fenced, now)


class Silences(unittest.TestCase):
    def looks(self, silence, *moments_s):
        for moment in moments_s:
            silence.look(moment)
            silence.unanswered()

    def test_counts_from_the_last_answer(self):
        silence = Silence(0)
        self.looks(silence, 0.3, 0.6)
        silence.answered(0.7)
        self.assertEqual(silence.seconds(0.7), 0)
        self.looks(silence, 0.9, 1.2, 1.5, 1.8, 2.1)
        self.assertAlmostEqual(silence.seconds(2.2), 1.5)

    def test_one_slow_look_is_no_silence(self):
        silence = Silence(0)
        silence.look(0.3)
        silence.unanswered()
        silence.look(0.9)
        self.assertEqual(silence.seconds(1.7), 0)

    def test_who_slept_knows_nothing(self):
        silence = Silence(0)
        self.looks(silence, 0.3, 0.6)
        # Frozen for 20 s: the looks that were under way fail first, and somebody asks before the next one begins.
        silence.unanswered()
        self.assertEqual(silence.seconds(20), 0)
        silence.look(20)
        self.assertEqual(silence.seconds(20.1), 0)
        self.looks(silence, 20.3, 20.6)
        self.assertAlmostEqual(silence.seconds(20.7), 0.7)


class Revoking(unittest.TestCase):
    def test_two_silences_two_fences_and_the_same_key_suffice(self):
        self.assertIsNone(against())

    def test_one_voice_is_not_enough(self):
        for alone in ([], [opinion("postgres-2")], [opinion("postgres-2")] * 2):
            self.assertIn("has not heard", against(alone) or "")

    def test_the_suspect_has_no_vote(self):
        self.assertIn("postgres-2 has not", against([opinion("postgres-2"), opinion("postgres-1")]))

    def test_votes_are_for_this_leader_in_this_term_and_whole(self):
        for spoilt in ({"leader": "postgres-2"}, {"leader": ""}, {"created": "101"}, {"silent_s": 1.4}):
            self.assertIn("only postgres-2", against([opinion("postgres-2"), opinion("postgres-3", **spoilt)]))

    def test_both_load_balancers_must_have_given_it_up(self):
        self.assertEqual(against(fenced={"a:8404": True, "b:8404": False}), "not fenced at b:8404")
        self.assertEqual(against(fenced={}), "not fenced at any load balancer")

    def test_a_key_that_changed_is_another_key(self):
        for field in ("name", "lease", "created", "changed"):
            changed = dataclasses.replace(LEADER, **{field: "9"})
            self.assertEqual(against(now=dataclasses.replace(NOW, leader=changed)), "the leader key has changed")
        self.assertEqual(against(now=dataclasses.replace(NOW, leader=None)), "the leader key has changed")

    def test_a_primary_that_may_commit_alone_stays(self):
        names = frozenset({"postgres-2", "postgres-3"})
        for sync in (Sync(), Sync("postgres-1"), Sync("postgres-1", names, 2), Sync("postgres-2", names, 1)):
            self.assertEqual(against(now=dataclasses.replace(NOW, sync=sync)), "it may commit alone")

    def test_whoever_may_confirm_has_voted(self):
        sync = Sync("postgres-1", frozenset({"postgres-2", "postgres-4"}), 1)
        self.assertIn("did not all vote", against(now=dataclasses.replace(NOW, sync=sync)))


class Fencing(unittest.TestCase):
    def fenced(self, *rows):
        text = "# pxname,svname,qcur,qmax,scur,smax,status,\n" + "\n".join(rows)
        return rules.is_fenced(text, "postgres-1")

    def test_down_whatever_is_left_of_clients_that_went_away(self):
        replica = "postgres-replicas,postgres-1,0,0,4,9,UP,"
        for row in ("0,9,DOWN", "3,9,DOWN"):
            self.assertTrue(self.fenced(replica, f"postgres-primary,postgres-1,0,0,{row},"))

    def test_anything_else_is_not(self):
        for row in ("0,9,UP", "0,9,UP 1/3", "0,9,MAINT", "0,9,no check", "0,9,DRAIN", ",,"):
            self.assertFalse(self.fenced(f"postgres-primary,postgres-1,0,0,{row},"), row)
        self.assertFalse(self.fenced("postgres-primary,postgres-2,0,0,0,9,DOWN,"))
        self.assertFalse(self.fenced("postgres-replicas,postgres-1,0,0,0,9,DOWN,"))
        self.assertFalse(rules.is_fenced("", "postgres-1"))


class Promoting(unittest.TestCase):
    mine = Stream(True, "", "", 500)

    def against(self, other, mine=mine):
        return rules.against_promoting("10.0.0.81", mine, {"postgres-3": other})

    def test_the_other_follows_us_or_nobody_and_is_not_ahead(self):
        for told, sender in (("10.0.0.82", "10.0.0.82"), ("10.0.0.82", ""), ("", "")):
            self.assertIsNone(self.against(Stream(True, told, sender, 500)))

    def test_whoever_may_still_confirm_to_the_old_one_prevents_it(self):
        for told, sender in (("10.0.0.81", ""), ("10.0.0.82", "10.0.0.81"), ("", "10.0.0.81")):
            self.assertIn("still confirms", self.against(Stream(True, told, sender, 500)))

    def test_so_does_who_is_ahead_silent_or_a_primary(self):
        self.assertIn("received more", self.against(Stream(True, "", "", 501)))
        self.assertIn("received more", self.against(Stream(True, "", "", 500), None))
        self.assertIn("does not say", self.against(None))
        self.assertIn("is a primary", self.against(Stream(False, "", "", 500)))

    def test_a_marker_is_spent_once_we_lead_under_another_lease(self):
        marked = dataclasses.replace(NOW, marker={"suspect": "postgres-1", "lease": "7"})
        self.assertFalse(rules.marker_is_spent("postgres-1", marked))
        renewed = dataclasses.replace(marked, leader=dataclasses.replace(LEADER, lease="8"))
        self.assertTrue(rules.marker_is_spent("postgres-1", renewed))
        self.assertFalse(rules.marker_is_spent("postgres-2", renewed))
        self.assertFalse(rules.marker_is_spent("postgres-1", NOW))


    def test_deposed_is_only_who_knows_another_leader(self):
        self.assertTrue(rules.is_deposed("postgres-2", NOW))
        self.assertFalse(rules.is_deposed("postgres-1", NOW))
        self.assertFalse(rules.is_deposed("postgres-2", dataclasses.replace(NOW, leader=None)))


class Reading(unittest.TestCase):
    def answer(self, *values):
        def key(name, value, **more):
            revisions = {"create_revision": "100", "mod_revision": "120"}
            return {"key": fence_etcd.encode(name), "value": fence_etcd.encode(value), **revisions, **more}

        kvs = [[key(*value) if len(value) == 2 else key(*value[:2], **value[2])] if value else [] for value in values]
        return {"responses": [{"response_range": {"kvs": kv} if kv else {}} for kv in kvs]}

    def test_everything_there(self):
        seen = fence_etcd.snapshot(self.answer(
            (fence_etcd.LEADER, "postgres-1", {"lease": "7"}),
            (fence_etcd.MEMBERS + "postgres-1", '{"api_url": "http://10.0.0.81:8008/patroni"}'),
            (fence_etcd.SYNC, '{"leader": "postgres-1", "sync_standby": "postgres-2,postgres-3", "quorum": 1}'),
            (fence_etcd.MARKER, '{"suspect": "postgres-1"}'),
        ))
        self.assertEqual(seen.leader, Leader("postgres-1", "7", "100", "120"))
        self.assertEqual(list(seen.members), ["postgres-1"])
        self.assertEqual(seen.sync, Sync("postgres-1", frozenset({"postgres-2", "postgres-3"}), 1, "120"))
        self.assertEqual((seen.marker, seen.marker_changed), ({"suspect": "postgres-1"}, "120"))

    def test_nothing_there(self):
        self.assertEqual(fence_etcd.snapshot(self.answer(None, None, None, None)), Snapshot())

    def test_an_empty_sync_names_nobody(self):
        seen = fence_etcd.snapshot(self.answer(None, None, (fence_etcd.SYNC, '{"leader": null, "sync_standby": null}'), None))
        self.assertEqual(seen.sync, Sync(changed="120"))


if __name__ == "__main__":
    unittest.main()
