//! Answers with what was sent.

use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    thread,
    time::Duration,
};

/// Asks the UDP echo how many packets it has received.
const COUNT: &[u8] = b"count";

/// Serves every port until the process ends.
pub(super) fn serve(ports: &[u16]) -> io::Result<()> {
    let mut serving = Vec::new();
    for &port in ports {
        let packets = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port))?;
        let streams = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port))?;
        serving.push(thread::spawn(move || echo_packets(&packets)));
        serving.push(thread::spawn(move || accept(&streams)));
    }
    for thread in serving {
        // A thread ends only when its socket fails, which shows as silence.
        let _ = thread.join();
    }
    Ok(())
}

/// Asks an echo how many packets it has received.
pub(super) fn received(at: SocketAddr) -> io::Result<String> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    socket.set_read_timeout(Some(Duration::from_secs(1)))?;
    socket.send_to(COUNT, at)?;
    let mut answer = [0; 32];
    let length = socket.recv(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer[..length]).into_owned())
}

fn echo_packets(socket: &UdpSocket) {
    let (mut bytes, mut received) = (vec![0; 65_536], 0_u64);
    loop {
        // A port that is unreachable was reported for an earlier answer: nothing to do with the next one.
        let Ok((length, from)) = socket.recv_from(&mut bytes) else {
            continue;
        };
        let answer = if &bytes[..length] == COUNT {
            socket.send_to(received.to_string().as_bytes(), from)
        } else {
            received += 1;
            socket.send_to(&bytes[..length], from)
        };
        let _ = answer;
    }
}

fn accept(listener: &TcpListener) {
    for stream in listener.incoming().flatten() {
        thread::spawn(move || echo_stream(stream));
    }
}

fn echo_stream(mut stream: TcpStream) {
    let _ = stream.set_nodelay(true);
    let mut bytes = [0; 4096];
    while let Ok(length @ 1..) = stream.read(&mut bytes) {
        if stream.write_all(&bytes[..length]).is_err() {
            return;
        }
    }
}
