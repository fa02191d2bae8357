//! Questions over one connection that stays open.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
};

use super::{
    Asking, Sample,
    pace::{micros, wall_us},
};
use crate::clock::now;

pub(super) fn ask(asking: Asking, to: SocketAddr) -> Vec<Sample> {
    let (mut pace, mut stream) = (asking.pace(), None);
    let each = |number: u32| {
        pace.wait();
        let (at_us, begin) = (wall_us(), now());
        let asked = once(&mut stream, asking, to, number);
        if asked.is_err() {
            stream = None;
        }
        Sample {
            at_us,
            rtt_us: asked.is_ok().then(|| micros(now() - begin)),
            copies: u32::from(asked.is_ok()),
            note: asked.err().map(|error| error.kind().to_string()),
        }
    };
    (0..asking.count).map(each).collect()
}

fn once(
    stream: &mut Option<TcpStream>,
    asking: Asking,
    to: SocketAddr,
    number: u32,
) -> io::Result<()> {
    let stream = match stream {
        Some(stream) => stream,
        None => {
            let fresh = TcpStream::connect_timeout(&to, asking.patience())?;
            fresh.set_nodelay(true)?;
            fresh.set_read_timeout(Some(asking.patience()))?;
            stream.insert(fresh)
        }
    };
    stream.write_all(&number.to_be_bytes())?;
    let mut answer = [0; 4];
    stream.read_exact(&mut answer)?;
    if answer == number.to_be_bytes() {
        Ok(())
    } else {
        Err(io::ErrorKind::InvalidData.into())
    }
}
