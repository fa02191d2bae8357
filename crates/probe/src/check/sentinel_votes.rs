//! Who was elected to lead a failover, counted from the votes that Sentinels show.
//!
//! Redis keeps no such field. A Sentinel that asks for votes shows its peers' answers (`voted-leader`) for
//! five seconds and then forgets them; what stays is the epoch in which a failover took effect
//! (`config-epoch`). So the votes are counted at each look, and remembered until another epoch is in force.

use super::sentinel::Fields;

/// What one Sentinel has won, as far as it was seen.
#[derive(Debug, Default)]
pub(super) struct Votes {
    /// Latest epoch in which it was seen to have the majority; 0 before any.
    won: u64,
}

impl Votes {
    /// Counts its peers' votes for it in the latest epoch in which there are some; its own is for itself.
    pub(super) fn count(&mut self, own: &str, peers: &[Fields]) {
        let votes = peers
            .iter()
            .filter(|peer| field(peer, "voted-leader") == own);
        let epochs: Vec<u64> = votes
            .filter_map(|peer| field(peer, "voted-leader-epoch").parse().ok())
            .collect();
        let Some(latest) = epochs.iter().copied().max() else {
            return;
        };
        let votes = 1 + epochs.iter().filter(|epoch| **epoch == latest).count();
        if 2 * votes > peers.len() + 1 {
            self.won = self.won.max(latest);
        }
    }

    /// Whether it led the failover that is in force. Before the first there is no leader; the `only` Sentinel
    /// of a topology asks nobody and leads every failover.
    pub(super) fn leads(&self, master: &Fields, only: bool) -> bool {
        let epoch: u64 = field(master, "config-epoch").parse().unwrap_or(0);
        epoch > 0 && (self.won == epoch || only)
    }
}

fn field<'a>(fields: &'a Fields, name: &str) -> &'a str {
    fields.get(name).map_or("", String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(voted: &str, epoch: &str) -> Fields {
        [("voted-leader", voted), ("voted-leader-epoch", epoch)]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into()
    }

    fn in_force(epoch: &str) -> Fields {
        [("config-epoch".to_owned(), epoch.to_owned())].into()
    }

    #[test]
    fn before_the_first_election_nobody_leads() {
        let peers = [peer("?", "0"), peer("?", "0")];
        let mut votes = Votes::default();
        votes.count("me", &peers);
        assert!(!votes.leads(&in_force("0"), false));
        assert!(!votes.leads(&Fields::new(), false));
        assert!(!votes.leads(&in_force("0"), true));
    }

    #[test]
    fn a_majority_leads_until_another_epoch_is_in_force() {
        let mut votes = Votes::default();
        let peers = [peer("me", "1"), peer("?", "0")];
        votes.count("me", &peers);
        assert!(!votes.leads(&in_force("0"), false), "not in force yet");
        assert!(votes.leads(&in_force("1"), false));
        votes.count("me", &[peer("?", "1"), peer("?", "0")]);
        assert!(votes.leads(&in_force("1"), false));
        assert!(!votes.leads(&in_force("2"), false));
    }

    #[test]
    fn votes_for_others_of_other_epochs_or_too_few_win_nothing() {
        let check = |peers: &[Fields]| {
            let mut votes = Votes::default();
            votes.count("me", peers);
            assert!(!votes.leads(&in_force("2"), false), "{peers:?}");
        };
        check(&[peer("you", "2"), peer("you", "2")]);
        check(&[peer("me", "1"), peer("?", "0")]);
        check(&[peer("me", "two"), peer("?", "0")]);
        let five = [
            peer("me", "2"),
            peer("me", "1"),
            peer("?", "0"),
            peer("you", "2"),
        ];
        check(&five);
        check(&[Fields::new(), Fields::new()]);
    }

    #[test]
    fn the_only_sentinel_leads_what_took_effect() {
        assert!(Votes::default().leads(&in_force("3"), true));
        let mut votes = Votes::default();
        votes.count("me", &[]);
        assert!(!votes.leads(&in_force("3"), false), "it has lost its peers");
    }
}
