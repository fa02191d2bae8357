//! Numbered packets to an echo, and what came back.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use super::{
    Asking, Sample,
    pace::{micros, wall_us},
};
use crate::clock::now;

/// What every packet is filled with behind its number: four copies of the number would not show a flipped bit.
const FILL: u8 = 0x5a;
/// The number and its complement.
const HEAD: usize = 8;

/// An answer: its number, when it came, and whether it is what was sent.
type Answer = (u32, Instant, bool);

pub(super) fn ask(asking: Asking, to: SocketAddr, bytes: usize) -> io::Result<Vec<Sample>> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    socket.connect(to)?;
    socket.set_read_timeout(Some(Duration::from_millis(20)))?;
    let done = AtomicBool::new(false);
    let (sent, answers) = thread::scope(|scope| {
        let receiving = scope.spawn(|| receive(&socket, &done));
        let sent = send(asking, &socket, bytes.max(HEAD * 2));
        thread::sleep(asking.patience());
        done.store(true, Ordering::Relaxed);
        (sent, receiving.join().unwrap_or_default())
    });
    Ok(joined(sent, &answers, asking.patience()))
}

fn send(asking: Asking, socket: &UdpSocket, bytes: usize) -> Vec<(u64, Instant)> {
    let (mut pace, mut packet) = (asking.pace(), vec![FILL; bytes]);
    let each = |number: u32| {
        pace.wait();
        packet[..4].copy_from_slice(&number.to_be_bytes());
        packet[4..HEAD].copy_from_slice(&(!number).to_be_bytes());
        let at = (wall_us(), now());
        // A local refusal is no answer, like any other loss.
        let _ = socket.send(&packet);
        at
    };
    (0..asking.count).map(each).collect()
}

fn receive(socket: &UdpSocket, done: &AtomicBool) -> Vec<Answer> {
    let (mut answers, mut bytes) = (Vec::new(), vec![0; 65_536]);
    while !done.load(Ordering::Relaxed) {
        if let Ok(length) = socket.recv(&mut bytes) {
            answers.extend(read(&bytes[..length]).map(|(number, whole)| (number, now(), whole)));
        }
    }
    answers
}

/// The number of an answer, and whether its bytes are what was sent; nothing when even the number is spoiled.
fn read(bytes: &[u8]) -> Option<(u32, bool)> {
    let word = |at: usize| {
        let word = bytes.get(at..at + 4)?.try_into().ok()?;
        Some(u32::from_be_bytes(word))
    };
    let (number, complement) = (word(0)?, word(4)?);
    let rest = bytes.get(HEAD..)?;
    (number == !complement).then(|| (number, rest.iter().all(|byte| *byte == FILL)))
}

fn joined(sent: Vec<(u64, Instant)>, answers: &[Answer], patience: Duration) -> Vec<Sample> {
    let unanswered = |(at_us, _): &(u64, Instant)| Sample {
        at_us: *at_us,
        ..Sample::default()
    };
    let mut samples: Vec<_> = sent.iter().map(unanswered).collect();
    for (number, at, whole) in answers {
        let place = usize::try_from(*number).unwrap_or(usize::MAX);
        let (Some(sample), Some((_, begin))) = (samples.get_mut(place), sent.get(place)) else {
            continue;
        };
        let took = *at - *begin;
        if took <= patience {
            sample.copies += 1;
            sample.rtt_us.get_or_insert(micros(took));
            if !whole {
                sample.note = Some("other bytes".into());
            }
        }
    }
    samples
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_known_by_its_number_and_its_bytes() {
        let mut bytes = [[0, 0, 0, 7], [255, 255, 255, 248], [FILL; 4]].concat();
        assert_eq!(read(&bytes), Some((7, true)));
        bytes[9] ^= 1;
        assert_eq!(read(&bytes), Some((7, false)));
        bytes[0] ^= 1;
        assert_eq!(read(&bytes), None);
        assert_eq!(read(&bytes[..6]), None);
    }

    #[test]
    fn answers_find_their_questions() {
        let begin = now();
        let ms = Duration::from_millis;
        let sent = vec![(1, begin), (2, begin), (3, begin)];
        let answers = [
            (1, begin + ms(2), true),
            (1, begin + ms(3), true),
            (2, begin + ms(99), true),
            (9, begin, true),
        ];
        let samples = joined(sent, &answers, ms(50));
        assert_eq!(samples[0].rtt_us, None);
        assert_eq!((samples[1].rtt_us, samples[1].copies), (Some(2000), 2));
        assert_eq!(samples[2].copies, 0, "came too late");
    }
}
