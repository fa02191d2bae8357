//! A source port for every connection, in turn, so that none is used again for minutes.
//!
//! All users share the generator's one address, and real users have one each. The kernel chooses from 28,000 ports in steps of
//! nine on average, so it begins anew after some 3,000 connections: within a minute of a drill. A server that lost its
//! virtual address without noticing, because it was paused or cut off, still has the connections of that time when the address
//! comes back. To a new connection from the same port it answers as to the old one, and its client hears neither yes nor no
//! until patience ends: an outage of the generator's making.

use std::{
    io::{Error, ErrorKind, Result},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::atomic::{AtomicU32, Ordering::Relaxed},
};

use tokio::net::{TcpSocket, TcpStream};

/// The lowest one; the highest is 65,535.
const FIRST: u16 = 10_000;
/// How many there are.
const COUNT: u32 = u16::MAX as u32 - FIRST as u32 + 1;

/// Whose turn it is.
#[derive(Debug, Default)]
pub(crate) struct Ports(AtomicU32);

/// Those of this process.
pub(crate) static PORTS: Ports = Ports(AtomicU32::new(0));

impl Ports {
    /// Connects from the next port that nobody has.
    ///
    /// # Errors
    /// As connecting does; [`ErrorKind::AddrNotAvailable`] when every port is taken.
    pub(crate) async fn connect(&self, to: SocketAddr) -> Result<TcpStream> {
        for _ in 0..COUNT {
            let (socket, ours): (_, IpAddr) = match to {
                SocketAddr::V4(_) => (TcpSocket::new_v4()?, Ipv4Addr::UNSPECIFIED.into()),
                SocketAddr::V6(_) => (TcpSocket::new_v6()?, Ipv6Addr::UNSPECIFIED.into()),
            };
            match socket.bind((ours, self.next()).into()) {
                Ok(()) => return socket.connect(to).await,
                Err(error) if error.kind() == ErrorKind::AddrInUse => {}
                Err(error) => return Err(error),
            }
        }
        Err(Error::from(ErrorKind::AddrNotAvailable))
    }

    fn next(&self) -> u16 {
        let turn = self.0.fetch_add(1, Relaxed) % COUNT;
        // Below 65,536, as both parts of the sum say.
        u16::try_from(u32::from(FIRST) + turn).unwrap_or(FIRST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    #[test]
    fn every_port_has_its_turn_before_one_has_its_second() {
        let ports = Ports::default();
        let mut round: Vec<_> = (0..COUNT).map(|_| ports.next()).collect();
        assert_eq!(ports.next(), round[0]);
        round.sort_unstable();
        round.dedup();
        assert_eq!(round.len(), COUNT as usize);
        assert_eq!((round[0], round.last()), (FIRST, Some(&u16::MAX)));
    }

    #[tokio::test]
    async fn a_port_that_is_taken_is_passed_over() {
        let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let to = server.local_addr().unwrap();
        let ports = Ports::default();
        let first = ports.connect(to).await.unwrap().local_addr().unwrap();
        // Whatever else this machine does, the next ones of another turn begin where the first one still stands.
        let held = ports.connect(to).await.unwrap();
        let again = Ports::default();
        again.0.store(
            u32::from(held.local_addr().unwrap().port() - FIRST),
            Relaxed,
        );
        let next = again.connect(to).await.unwrap().local_addr().unwrap();
        assert!(first.port() < held.local_addr().unwrap().port());
        assert!(held.local_addr().unwrap().port() < next.port());
    }

    #[tokio::test]
    async fn who_refuses_is_told_from_a_lack_of_ports() {
        let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let to = server.local_addr().unwrap();
        drop(server);
        let error = Ports::default().connect(to).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    }
}
