//! Questions to a resolver, and answers that it never gave (RFC 1035).

use super::{Packet, UDP, forge::datagram, u16_at};
use crate::Answer;

/// The port of resolvers.
const PORT: u16 = 53;
/// Record types.
const A: u16 = 1;
/// Response, recursion desired and available.
const RESPONSE: u16 = 0x8180;
const SERVFAIL: u16 = 2;
const NXDOMAIN: u16 = 3;
/// Seconds that a wrong address may be kept: none, so that the fault ends with the agent.
const KEPT_S: u32 = 0;

/// The question of a query over UDP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Question {
    id: u16,
    /// In lower case, without the last dot.
    pub(crate) name: String,
    kind: u16,
    /// Name, type and class as they were sent.
    bytes: Vec<u8>,
}

impl Question {
    /// Reads the first question; nothing when the packet is no query.
    pub(crate) fn read(packet: &Packet<'_>) -> Option<Self> {
        if packet.protocol != UDP || packet.ports.1 != PORT {
            return None;
        }
        let message = packet.bytes.get(packet.payload()?..)?;
        let is_query = u16_at(message, 2)? & 0x8000 == 0 && u16_at(message, 4)? > 0;
        let (mut at, mut labels) = (12, Vec::new());
        loop {
            let length = usize::from(*message.get(at)?);
            at += 1;
            match length {
                0 => break,
                // A name in a question begins nowhere else: there is nothing in front of it to point to.
                64.. => return None,
                _ => labels
                    .push(String::from_utf8_lossy(message.get(at..at + length)?).to_lowercase()),
            }
            at += length;
        }
        let question = Self {
            id: u16_at(message, 0)?,
            name: labels.join("."),
            kind: u16_at(message, at)?,
            bytes: message.get(12..at + 4)?.to_vec(),
        };
        is_query.then_some(question)
    }

    /// Whether the name is one of these or below one of them; true when there are none.
    pub(crate) fn is_about(&self, names: &[String]) -> bool {
        let below = |name: &String| {
            let name = name.trim_end_matches('.').to_lowercase();
            self.name == name || self.name.ends_with(&format!(".{name}"))
        };
        names.is_empty() || names.iter().any(below)
    }
}

/// The packet that answers a query, as if the resolver had sent it; nothing where it is to stay silent.
pub(crate) fn answer(query: &Packet<'_>, question: &Question, answer: Answer) -> Option<Vec<u8>> {
    let (code, address) = match answer {
        Answer::Timeout => return None,
        Answer::Failure => (SERVFAIL, None),
        Answer::NoSuchName => (NXDOMAIN, None),
        Answer::Wrong(address) => (0, (question.kind == A).then_some(address)),
    };
    let mut message = Vec::new();
    let records = u16::from(address.is_some());
    for word in [question.id, RESPONSE | code, 1, records, 0, 0] {
        message.extend(word.to_be_bytes());
    }
    message.extend(&question.bytes);
    if let Some(address) = address {
        // The name is the one at offset 12.
        message.extend([0xc0, 12, 0, 1, 0, 1]);
        message.extend(KEPT_S.to_be_bytes());
        message.extend([0, 4]);
        message.extend(address.octets());
    }
    let (from, to) = ((query.destination, PORT), (query.source, query.ports.0));
    Some(datagram(from, to, &message))
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::{super::tests::udp, *};

    fn query(name: &str, kind: u8) -> Vec<u8> {
        let mut message = vec![7, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        for label in name.split('.') {
            message.push(u8::try_from(label.len()).unwrap());
            message.extend(label.bytes());
        }
        message.extend([0, 0, kind, 0, 1]);
        udp(&message)
    }

    #[test]
    fn a_name_and_what_is_below_it() {
        let bytes = query("API-1.zone.example", 1);
        let question = Question::read(&Packet::read(&bytes).unwrap()).unwrap();
        assert_eq!(question.name, "api-1.zone.example");
        for (names, about) in [
            (vec![], true),
            (vec!["api-1.zone.example."], true),
            (vec!["Example"], true),
            (vec!["ample", "pi-1.zone.example"], false),
        ] {
            let names: Vec<_> = names.into_iter().map(String::from).collect();
            assert_eq!(question.is_about(&names), about, "{names:?}");
        }
    }

    #[test]
    fn answers_come_from_the_resolver_that_was_asked() {
        let bytes = query("api-1", 1);
        let packet = Packet::read(&bytes).unwrap();
        let question = Question::read(&packet).unwrap();
        assert_eq!(answer(&packet, &question, Answer::Timeout), None);
        let failed = answer(&packet, &question, Answer::Failure).unwrap();
        assert_eq!(Packet::read(&failed).unwrap().ports, (53, 1000));
        assert_eq!(
            (u16_at(&failed, 28), u16_at(&failed, 30)),
            (Some(0x0707), Some(RESPONSE | 2))
        );
        let wrong = Answer::Wrong(Ipv4Addr::new(192, 0, 2, 1));
        let wrong = answer(&packet, &question, wrong).unwrap();
        assert!(wrong.ends_with(&[192, 0, 2, 1]));
    }

    #[test]
    fn an_ipv6_address_is_denied_and_not_invented() {
        let bytes = query("api-1", 28);
        let packet = Packet::read(&bytes).unwrap();
        let question = Question::read(&packet).unwrap();
        let wrong = answer(&packet, &question, Answer::Wrong(Ipv4Addr::LOCALHOST)).unwrap();
        assert_eq!(u16_at(&wrong, 34), Some(0), "no record");
    }

    #[test]
    fn what_is_no_query_is_left_alone() {
        let mut response = query("api-1", 1);
        response[30] |= 0x80;
        assert_eq!(Question::read(&Packet::read(&response).unwrap()), None);
        let cut = udp(&[7, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 9, b'a']);
        assert_eq!(Question::read(&Packet::read(&cut).unwrap()), None);
    }
}
