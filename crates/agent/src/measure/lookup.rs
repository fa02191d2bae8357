//! Questions to a resolver, by hand: the system's own way asks again for seconds and hides what happened.

use std::{
    io,
    net::{Ipv4Addr, SocketAddrV4, UdpSocket},
};

use super::{
    Asking, Sample,
    pace::{micros, wall_us},
};
use crate::clock::now;

pub(super) fn ask(asking: Asking, to: SocketAddrV4, name: &str) -> io::Result<Vec<Sample>> {
    let mut pace = asking.pace();
    let each = |number: u32| {
        pace.wait();
        // A socket for each question, as resolvers' libraries do.
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
        socket.connect(to)?;
        socket.set_read_timeout(Some(asking.patience()))?;
        let (at_us, begin) = (wall_us(), now());
        let mut bytes = [0; 1500];
        let sent = socket.send(&query(number, name));
        let answer = sent.and_then(|_| socket.recv(&mut bytes));
        let silent = answer
            .as_ref()
            .is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock);
        let said = answer.map_or_else(
            |error| {
                if silent {
                    "no answer".into()
                } else {
                    error.kind().to_string()
                }
            },
            |length| said(&bytes[..length]),
        );
        Ok(Sample {
            at_us,
            rtt_us: (!silent).then(|| micros(now() - begin)),
            copies: u32::from(!silent),
            note: Some(said),
        })
    };
    (0..asking.count).map(each).collect()
}

/// A query for an IPv4 address, recursion desired.
fn query(number: u32, name: &str) -> Vec<u8> {
    let id = number.to_be_bytes();
    let mut message = vec![id[2], id[3], 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.').filter(|label| !label.is_empty()) {
        message.push(u8::try_from(label.len()).unwrap_or(63));
        message.extend(label.bytes());
    }
    message.extend([0, 0, 1, 0, 1]);
    message
}

/// The code of an answer, or its address: the last four bytes where the last record is one.
fn said(message: &[u8]) -> String {
    let code = message.get(3).map(|flags| flags & 15);
    let records = message.get(6..8).is_some_and(|count| count != [0, 0]);
    match (code, message.last_chunk::<4>()) {
        (Some(0), Some(address)) if records => Ipv4Addr::from(*address).to_string(),
        (Some(0), _) => "no address".into(),
        (Some(2), _) => "SERVFAIL".into(),
        (Some(3), _) => "NXDOMAIN".into(),
        _ => "nothing sensible".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_in_words() {
        let with = |code: u8, records: u8, rest: &[u8]| {
            said(
                &[
                    &[0, 1, 0x81, 0x80 | code, 0, 1, 0, records, 0, 0, 0, 0],
                    rest,
                ]
                .concat(),
            )
        };
        assert_eq!(with(0, 1, &[10, 0, 0, 9]), "10.0.0.9");
        assert_eq!(with(0, 0, &[]), "no address");
        assert_eq!(with(2, 0, &[]), "SERVFAIL");
        assert_eq!(with(3, 0, &[]), "NXDOMAIN");
        assert_eq!(said(&[]), "nothing sensible");
        assert_eq!(query(258, "a.bc.")[..2], [1, 2]);
        assert!(query(0, "a.bc.").ends_with(&[1, b'a', 2, b'b', b'c', 0, 0, 1, 0, 1]));
    }
}
