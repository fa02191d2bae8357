//! Connections, one after the other.

use std::{
    io,
    net::{SocketAddr, TcpStream},
};

use super::{
    Asking, Sample,
    pace::{micros, wall_us},
};
use crate::clock::now;

pub(super) fn ask(asking: Asking, to: SocketAddr) -> Vec<Sample> {
    let mut pace = asking.pace();
    let each = |_| {
        pace.wait();
        let (at_us, begin) = (wall_us(), now());
        let done = TcpStream::connect_timeout(&to, asking.patience());
        let silent = done
            .as_ref()
            .is_err_and(|error| error.kind() == io::ErrorKind::TimedOut);
        Sample {
            at_us,
            rtt_us: (!silent).then(|| micros(now() - begin)),
            copies: u32::from(done.is_ok()),
            note: done.err().map(|error| error.kind().to_string()),
        }
    };
    (0..asking.count).map(each).collect()
}
