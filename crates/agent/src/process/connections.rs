//! Opens connections and never uses them.

use std::{
    io,
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use crate::{
    Ended, Event, Figures,
    backend::{Backend, Say},
    clock::now,
    lifetime::{Lease, Wake},
};

/// The longest that one connect may take.
const CONNECT: Duration = Duration::from_millis(500);
/// The longest that all of them may take: a full server does not answer any more.
const ALL: Duration = Duration::from_secs(5);

/// Connections that are open.
#[derive(Debug)]
pub(super) struct Connections {
    address: SocketAddr,
    count: u32,
    open: Vec<TcpStream>,
}

impl Connections {
    pub(super) fn new(address: SocketAddr, count: u32) -> Self {
        Self {
            address,
            count,
            open: Vec::new(),
        }
    }
}

impl Backend for Connections {
    fn apply(&mut self) -> Result<String, String> {
        let until = now() + ALL;
        let mut last = "no time was left".to_owned();
        while self.open.len() < self.count as usize && now() < until {
            match TcpStream::connect_timeout(&self.address, CONNECT) {
                Ok(stream) => self.open.push(stream),
                // A full backlog drops a connect, and has room again.
                Err(error) if error.kind() == io::ErrorKind::TimedOut => last = error.to_string(),
                Err(error) => {
                    last = error.to_string();
                    break;
                }
            }
        }
        if self.open.is_empty() {
            return Err(format!(
                "no connection to {} could be opened: {last}",
                self.address
            ));
        }
        Ok(format!(
            "{} connections to {} opened",
            self.open.len(),
            self.address
        ))
    }

    fn hold(&mut self, lease: &Lease, say: Say) -> io::Result<Ended> {
        let alive = self.open.iter().filter(|stream| is_open(stream)).count();
        say(&Event::Measured {
            what: format!("connections held to {}", self.address),
            expected: Some(f64::from(self.count)),
            seen: alive as f64,
            unit: "connections".into(),
        });
        loop {
            if let Wake::Ended(ended) = lease.wait(None, None)? {
                return Ok(ended);
            }
        }
    }

    fn heal(&mut self) -> Result<(), String> {
        self.open.clear();
        Ok(())
    }

    fn figures(&self) -> Figures {
        Figures {
            affected: self.open.len() as u64,
            ..Figures::default()
        }
    }
}

/// Whether the server has neither closed nor reset it.
fn is_open(stream: &TcpStream) -> bool {
    let looked = stream
        .set_nonblocking(true)
        .and_then(|()| stream.peek(&mut [0]));
    match looked {
        Ok(length) => length > 0,
        Err(error) => error.kind() == io::ErrorKind::WouldBlock,
    }
}
