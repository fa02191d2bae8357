//! The kernel's packet queue, over netlink (linux/netfilter/nfnetlink_queue.h). A client of our own, since the
//! one on crates.io hides its socket: without it there is no waiting with a deadline, and no larger buffer.

use std::{
    fs,
    io::{self, Read, Write},
    os::fd::{AsFd, BorrowedFd},
};

use nix::sys::socket::{setsockopt, sockopt::RcvBufForce};
use socket2::{Domain, Protocol, Socket, Type};

use crate::packet::u32_at;

/// Families, messages, attributes and flags, by their names in the kernel's headers.
const AF_NETLINK: i32 = 16;
const NETLINK_NETFILTER: i32 = 12;
const NLMSG_ERROR: u16 = 2;
const NLM_F_REQUEST: u16 = 1;
const NLM_F_ACK: u16 = 4;
const NFNL_SUBSYS_QUEUE: u16 = 3 << 8;
const NFQNL_MSG_PACKET: u16 = NFNL_SUBSYS_QUEUE;
const NFQNL_MSG_VERDICT: u16 = NFNL_SUBSYS_QUEUE | 1;
const NFQNL_MSG_CONFIG: u16 = NFNL_SUBSYS_QUEUE | 2;
const NFQA_CFG_CMD: u16 = 1;
const NFQA_CFG_PARAMS: u16 = 2;
const NFQA_CFG_QUEUE_MAXLEN: u16 = 3;
const NFQA_PACKET_HDR: u16 = 1;
const NFQA_VERDICT_HDR: u16 = 2;
const NFQA_PAYLOAD: u16 = 10;
const NFQNL_CFG_CMD_BIND: u8 = 1;
const NFQNL_COPY_PACKET: u8 = 2;
const NF_DROP: u32 = 0;
const NF_ACCEPT: u32 = 1;
const NF_INET_LOCAL_IN: u8 = 1;

/// Room for what arrives while the agent has no processor: 4 MiB are about 2,000 full packets, a fifth of a second at
/// 10,000 a second. The default of 208 KiB is a hundred of them.
const BUFFER_BYTES: usize = 4 << 20;
/// Bytes before the first attribute: netlink header and netfilter header.
const HEADERS: usize = 20;

/// A bound queue. When its process ends, however it ends, the kernel unbinds it.
#[derive(Debug)]
pub(crate) struct Queue {
    socket: Socket,
    number: u16,
    received: Vec<u8>,
}

/// A packet that waits for its verdict.
#[derive(Debug)]
pub(crate) struct Queued {
    /// Its name in the kernel.
    pub(crate) id: u32,
    /// Whether it is on its way into the target.
    pub(crate) inward: bool,
    /// From the IP header on.
    pub(crate) bytes: Vec<u8>,
}

impl Queue {
    /// Binds the queue of this number, which may hold so many packets.
    pub(crate) fn bind(number: u16, most_packets: u32) -> io::Result<Self> {
        let (domain, protocol) = (Domain::from(AF_NETLINK), Protocol::from(NETLINK_NETFILTER));
        let socket = Socket::new(domain, Type::RAW, Some(protocol))?;
        setsockopt(&socket, RcvBufForce, &BUFFER_BYTES)?;
        let mut queue = Self {
            socket,
            number,
            received: vec![0; HEADERS + 256 + 0x1_0000],
        };
        queue.configure(NFQA_CFG_CMD, &[NFQNL_CFG_CMD_BIND, 0, 0, 0])?;
        queue.configure(NFQA_CFG_PARAMS, &[0, 0, 0xff, 0xff, NFQNL_COPY_PACKET])?;
        queue.configure(NFQA_CFG_QUEUE_MAXLEN, &most_packets.to_be_bytes())?;
        queue.socket.set_nonblocking(true)?;
        Ok(queue)
    }

    /// The next packet; nothing when none waits.
    pub(crate) fn next(&mut self) -> io::Result<Option<Queued>> {
        loop {
            match (&self.socket).read(&mut self.received) {
                Ok(length) => {
                    let queued = queued(&self.received[..length]);
                    if queued.is_some() {
                        return Ok(queued);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                // The buffer overflowed: the kernel counts what it dropped.
                Err(error) if error.raw_os_error() == Some(nix::errno::Errno::ENOBUFS as i32) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Lets the packet go on, as it was or with other bytes.
    pub(crate) fn accept(&self, id: u32, bytes: Option<&[u8]>) -> io::Result<()> {
        self.verdict(NF_ACCEPT, id, bytes)
    }

    /// Drops the packet. Its sender is not told, whichever way it went.
    pub(crate) fn drop(&self, id: u32) -> io::Result<()> {
        self.verdict(NF_DROP, id, None)
    }

    /// Packets that the kernel dropped since the queue was full or nobody read.
    pub(crate) fn overflowed(&self) -> u64 {
        let listed = fs::read_to_string("/proc/net/netfilter/nfnetlink_queue").unwrap_or_default();
        overflowed(&listed, self.number)
    }

    fn verdict(&self, verdict: u32, id: u32, bytes: Option<&[u8]>) -> io::Result<()> {
        let header = [verdict.to_be_bytes(), id.to_be_bytes()].concat();
        let mut message = message(NFQNL_MSG_VERDICT, NLM_F_REQUEST, self.number);
        attribute(&mut message, NFQA_VERDICT_HDR, &header);
        if let Some(bytes) = bytes {
            attribute(&mut message, NFQA_PAYLOAD, bytes);
        }
        self.send(message)
    }

    fn configure(&mut self, kind: u16, value: &[u8]) -> io::Result<()> {
        let mut message = message(NFQNL_MSG_CONFIG, NLM_F_REQUEST | NLM_F_ACK, self.number);
        attribute(&mut message, kind, value);
        self.send(message)?;
        loop {
            let length = (&self.socket).read(&mut self.received)?;
            let answer = &self.received[..length];
            if native_u16(answer, 4) == Some(NLMSG_ERROR) {
                let code = answer.get(16..20).and_then(|code| code.try_into().ok());
                return match code.map(i32::from_ne_bytes) {
                    Some(0) => Ok(()),
                    Some(code) => Err(io::Error::from_raw_os_error(-code)),
                    None => Err(io::ErrorKind::InvalidData.into()),
                };
            }
        }
    }

    fn send(&self, mut message: Vec<u8>) -> io::Result<()> {
        let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
        message[..4].copy_from_slice(&length.to_ne_bytes());
        (&self.socket).write_all(&message)
    }
}

impl AsFd for Queue {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// A netlink header, whose length is written last, and a netfilter header.
fn message(kind: u16, flags: u16, queue: u16) -> Vec<u8> {
    let mut message = vec![0; 4];
    message.extend(kind.to_ne_bytes());
    message.extend(flags.to_ne_bytes());
    message.extend([0; 8]);
    message.extend([0, 0]);
    message.extend(queue.to_be_bytes());
    message
}

fn attribute(message: &mut Vec<u8>, kind: u16, value: &[u8]) {
    let length = u16::try_from(value.len() + 4).unwrap_or(u16::MAX);
    message.extend(length.to_ne_bytes());
    message.extend(kind.to_ne_bytes());
    message.extend(value);
    message.resize(message.len().next_multiple_of(4), 0);
}

/// Reads a message of the kernel; nothing when it is not about a packet.
fn queued(message: &[u8]) -> Option<Queued> {
    if native_u16(message, 4)? != NFQNL_MSG_PACKET {
        return None;
    }
    let (mut header, mut payload, mut at) = (None, None, HEADERS);
    while let (Some(length), Some(kind)) = (native_u16(message, at), native_u16(message, at + 2)) {
        let value = message.get(at + 4..at + usize::from(length))?;
        match kind & 0x3fff {
            NFQA_PACKET_HDR => header = Some((u32_at(value, 0)?, *value.get(6)?)),
            NFQA_PAYLOAD => payload = Some(value),
            _ => {}
        }
        at += usize::from(length).next_multiple_of(4);
    }
    let (id, hook) = header?;
    Some(Queued {
        id,
        inward: hook == NF_INET_LOCAL_IN,
        bytes: payload?.to_vec(),
    })
}

fn native_u16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

/// Columns: number, port, waiting, copy mode, copy range, dropped when full, dropped when not read, last id, 1.
fn overflowed(listed: &str, number: u16) -> u64 {
    let line = listed
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>());
    let mut line =
        line.filter(|columns| columns.first().and_then(|n| n.parse().ok()) == Some(number));
    let columns = line.next().unwrap_or_default();
    let dropped = columns.iter().skip(5).take(2);
    dropped.filter_map(|count| count.parse::<u64>().ok()).sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_packet_is_read_as_it_was_sent() {
        let mut sent = message(NFQNL_MSG_PACKET, 0, 7);
        attribute(
            &mut sent,
            NFQA_PACKET_HDR,
            &[0, 0, 0, 9, 8, 0, NF_INET_LOCAL_IN],
        );
        attribute(&mut sent, NFQA_PAYLOAD, b"hello");
        let read = queued(&sent).unwrap();
        assert_eq!(
            (read.id, read.inward, read.bytes.as_slice()),
            (9, true, b"hello".as_slice())
        );
        assert!(queued(&sent[..30]).is_none());
        assert!(queued(&message(NLMSG_ERROR, 0, 7)).is_none());
    }

    #[test]
    fn what_the_kernel_dropped_is_read_for_one_queue() {
        let listed = "    6  912 0 2 65535     1     1       77  1\n    7  913 5 2 65535    10     3      100  1\n";
        assert_eq!(overflowed(listed, 7), 13);
        assert_eq!(overflowed(listed, 8), 0);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>, text: String) {
            let framed = [&message(NFQNL_MSG_PACKET, 0, 0), bytes.as_slice()].concat();
            queued(&framed);
            queued(&bytes);
            overflowed(&text, 0);
        }
    }
}
