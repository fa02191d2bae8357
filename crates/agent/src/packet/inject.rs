//! Sends a packet as it is: to a peer, or back into the target through its loopback.

use std::{io, net::SocketAddrV4};

use socket2::{Domain, Protocol, Socket, Type};

use super::Packet;

/// The mark of our own packets ("GDAD"), which our own rules let pass.
pub(crate) const MARK: u32 = 0x4744_4144;

/// A raw socket in the target's network namespace.
#[derive(Debug)]
pub(crate) struct Injector(Socket);

impl Injector {
    /// Needs NET_RAW, and NET_ADMIN for the mark.
    pub(crate) fn open() -> io::Result<Self> {
        // The protocol RAW: takes any header, receives nothing.
        let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(255)))?;
        socket.set_header_included_v4(true)?;
        socket.set_mark(MARK)?;
        Ok(Self(socket))
    }

    /// Sends the packet to where its header says.
    pub(crate) fn send(&self, bytes: &[u8]) -> io::Result<()> {
        let packet = Packet::read(bytes).ok_or(io::ErrorKind::InvalidData)?;
        let to = SocketAddrV4::new(packet.destination, 0);
        self.0.send_to(bytes, &to.into()).map(drop)
    }
}
