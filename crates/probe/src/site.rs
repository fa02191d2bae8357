//! What every check of one watch shares: who else is there, and how they were last seen.

use std::{
    collections::BTreeSet,
    net::{Ipv4Addr, SocketAddr},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use drill::{Component, Role};
use thiserror::Error;
use timeline::{MemberHealth, WatchList, Watched};

use crate::{Board, Ports};

/// A watch list that was found good, and the board that its sightings add up to.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) members: Vec<Watched>,
    pub(crate) vip: Ipv4Addr,
    pub(crate) password: String,
    pub(crate) every: Duration,
    pub(crate) ports: Ports,
    board: Mutex<Board>,
}

/// Why a watch list cannot be watched.
#[derive(Debug, Error, PartialEq, Eq)]
pub(crate) enum SiteError {
    #[error("the watch list names no member of the platform")]
    Empty,
    #[error("member {0:?} is named twice")]
    Twice(String),
    #[error("address {address:?} of {name} is not an IPv4 address")]
    Address { name: String, address: String },
    #[error("every is {} ms, not from 100 ms to 60 s", .0.as_millis())]
    Every(Duration),
}

impl Site {
    pub(crate) fn new(list: WatchList, ports: Ports) -> Result<Self, SiteError> {
        let mut members = list.members;
        members.retain(|member| member.component != Component::Instrument);
        if members.is_empty() {
            return Err(SiteError::Empty);
        }
        let mut names = BTreeSet::new();
        for member in &members {
            parse(&member.name, &member.address)?;
            if !names.insert(&member.name) {
                return Err(SiteError::Twice(member.name.clone()));
            }
        }
        if !(Duration::from_millis(100)..=Duration::from_secs(60)).contains(&list.every) {
            return Err(SiteError::Every(list.every));
        }
        Ok(Self {
            vip: parse("the virtual address", &list.vip)?,
            members,
            password: list.password,
            every: list.every,
            ports,
            board: Mutex::default(),
        })
    }

    /// Members of that component, in the list's order.
    pub(crate) fn of(&self, component: Component) -> impl Iterator<Item = &Watched> {
        let members = self.members.iter();
        members.filter(move |member| member.component == component)
    }

    /// How many members of that component there are.
    pub(crate) fn count(&self, component: Component) -> usize {
        self.of(component).count()
    }

    /// Notes how a member was seen, for the checks that compare notes.
    pub(crate) fn note(&self, health: MemberHealth) {
        self.board().note(health);
    }

    /// Who says now that it plays `role`.
    pub(crate) fn players(&self, role: Role) -> Vec<String> {
        self.board().roles().remove(&role).unwrap_or_default()
    }

    fn board(&self) -> MutexGuard<'_, Board> {
        // Nothing can panic between lock and unlock; a poisoned board would still be a good one.
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The member's address with that port. `Site::new` has seen to it that it is an address.
pub(crate) fn at(member: &Watched, port: u16) -> SocketAddr {
    let ip = member.address.parse().unwrap_or(Ipv4Addr::UNSPECIFIED);
    SocketAddr::from((ip, port))
}

fn parse(name: &str, address: &str) -> Result<Ipv4Addr, SiteError> {
    address.parse().map_err(|_| SiteError::Address {
        name: name.into(),
        address: address.into(),
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A site of `members`, named as the platform names them, at consecutive addresses from 10.0.0.1 on.
    pub(crate) fn site(members: &[&str]) -> Site {
        Site::new(list(members), Ports::default()).unwrap()
    }

    fn list(members: &[&str]) -> WatchList {
        let watched = |(i, name): (usize, &&str)| Watched {
            name: (*name).into(),
            component: drill::Target::Container((*name).into())
                .component()
                .unwrap(),
            address: format!("10.0.0.{}", i + 1),
        };
        WatchList {
            members: members.iter().enumerate().map(watched).collect(),
            vip: "10.0.0.100".into(),
            password: "secret".into(),
            every: Duration::from_millis(500),
            zero_unix_ns: 0,
        }
    }

    #[test]
    fn a_bad_list_is_refused_with_the_offending_value() {
        let refused = |list: WatchList| Site::new(list, Ports::default()).unwrap_err();
        assert_eq!(refused(list(&[])), SiteError::Empty);
        assert_eq!(
            refused(list(&["api-1", "api-1"])),
            SiteError::Twice("api-1".into())
        );
        let mut bad = list(&["api-1"]);
        bad.members[0].address = "api-1".into();
        assert_eq!(
            refused(bad).to_string(),
            "address \"api-1\" of api-1 is not an IPv4 address"
        );
        let mut bad = list(&["api-1"]);
        bad.vip = String::new();
        assert!(refused(bad).to_string().contains("the virtual address"));
        let mut bad = list(&["api-1"]);
        bad.every = Duration::from_millis(1);
        assert!(refused(bad).to_string().contains("1 ms"));
    }

    #[test]
    fn instruments_are_not_watched() {
        let mut list = list(&["api-1", "api-2"]);
        list.members[1].component = Component::Instrument;
        let site = Site::new(list, Ports::default()).unwrap();
        assert_eq!(site.members.len(), 1);
        assert_eq!(site.count(Component::Api), 1);
    }
}
