//! The internet checksum (RFC 1071), and bits that flip under it.

use super::{Packet, TCP, UDP, u16_at};

/// The one's complement sum of the bytes, folded and inverted.
pub(super) fn checksum(parts: &[&[u8]]) -> u16 {
    let mut sum = 0_u64;
    for part in parts {
        for pair in part.chunks(2) {
            sum += u64::from(u16::from_be_bytes([
                pair[0],
                pair.get(1).copied().unwrap_or(0),
            ]));
        }
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or(0)
}

/// Flips one bit of the payload, chosen by `bit`; does nothing to a packet without one.
pub(crate) fn flip(bytes: &mut [u8], bit: usize) -> bool {
    let Some(begin) = Packet::read(bytes).and_then(|packet| packet.payload()) else {
        return false;
    };
    let bit = bit % ((bytes.len() - begin) * 8);
    bytes[begin + bit / 8] ^= 1 << (bit % 8);
    true
}

/// Writes the checksum that fits the bytes as they are, for TCP and UDP.
pub(crate) fn mend(bytes: &mut [u8]) {
    let Some(packet) = Packet::read(bytes) else {
        return;
    };
    let (protocol, header) = (packet.protocol, packet.header);
    let at = header
        + match protocol {
            TCP => 16,
            UDP => 6,
            _ => return,
        };
    let unused = protocol == UDP && u16_at(bytes, at) == Some(0);
    if at + 2 > bytes.len() || unused {
        return;
    }
    bytes[at..at + 2].fill(0);
    let length = u16::try_from(bytes.len() - header)
        .unwrap_or(u16::MAX)
        .to_be_bytes();
    let sum = checksum(&[&bytes[12..20], &[0, protocol], &length, &bytes[header..]]);
    // In UDP zero means that there is none (RFC 768).
    let sum = if sum == 0 && protocol == UDP {
        0xffff
    } else {
        sum
    };
    bytes[at..at + 2].copy_from_slice(&sum.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::tests::udp, *};

    /// Whether the receiver would take the packet.
    fn sound(bytes: &[u8]) -> bool {
        let length = u16::try_from(bytes.len() - 20).unwrap().to_be_bytes();
        checksum(&[&bytes[12..20], &[0, bytes[9]], &length, &bytes[20..]]) == 0
    }

    #[test]
    fn the_example_of_rfc_1071() {
        assert_eq!(
            checksum(&[&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]]),
            !0xddf2
        );
    }

    proptest! {
        #[test]
        fn a_flipped_bit_breaks_the_checksum_until_it_is_mended(
            payload in proptest::collection::vec(any::<u8>(), 1..99),
            bit: usize,
        ) {
            let good = udp(&payload);
            prop_assert!(sound(&good));
            let mut bad = good.clone();
            prop_assert!(flip(&mut bad, bit));
            prop_assert!(!sound(&bad));
            mend(&mut bad);
            prop_assert!(sound(&bad));
            prop_assert_ne!(good, bad);
        }
    }

    #[test]
    fn nothing_to_flip() {
        assert!(!flip(&mut udp(b""), 3));
    }
}
