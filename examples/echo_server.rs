//! One thread, many sockets: a server with a task for each connection, and its client. What comes back is what was sent.
//!
//! The idea: the loop over accept starts a task for each connection, and the task reads as if it alone were there. From
//! the gevent tutorials' echo servers (port 8001, backlog 500). The client opens all its connections before it writes,
//! and reads the last one first: a server that serves one after another would never answer.
//!
//! In greenfetch: the demo's origin is this server grown up, src/demo/origin.rs `accept_all`; a fetch is the other end,
//! src/http/connection.rs `open`.
//!
//! `echo_server [--serve] [PORT]`: with --serve it says where it listens and stays up. Without a port it takes 8001, or
//! a free one where that is taken.
#![expect(clippy::print_stdout, reason = "a program, and its output is the point")]

use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use greenfetch::config::Mode;
use greenfetch::runtime::{Listener, Runtime, Slot, Socket};

const PORT: u16 = 8001;
const BACKLOG: i32 = 500;

/// Connections at once; the next ones wait in the backlog.
const MOST_CONNECTIONS: u32 = 1000;

const LINES: [&str; 3] = ["one thread", "many sockets", "a stack for each"];

fn main() -> io::Result<()> {
    let serves_only = std::env::args().any(|argument| argument == "--serve");
    let port = std::env::args().skip(1).find_map(|argument| argument.parse().ok());
    let runtime = Runtime::start(Mode::Coroutines, MOST_CONNECTIONS)?;
    let hub = runtime.clone();
    runtime.run_root(move || {
        let listener = listen(port)?;
        let addr = listener.local_addr()?;
        if serves_only {
            println!("{addr}");
            return serve(&hub, &listener);
        }
        let server = hub.clone();
        hub.spawn(move || drop(serve(&server, &listener)))?;
        for line in talk(&hub, addr)? {
            println!("{line}");
        }
        Ok(())
    })?
}

fn listen(port: Option<u16>) -> io::Result<Listener> {
    let bind = |port| Listener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)), BACKLOG);
    match (port, bind(port.unwrap_or(PORT))) {
        (None, Err(error)) if error.kind() == io::ErrorKind::AddrInUse => bind(0),
        (_, bound) => bound,
    }
}

/// Takes connections for as long as the process lives. Slots go round: who has ended sends its slot back.
fn serve(runtime: &Runtime, listener: &Listener) -> io::Result<()> {
    let (sender, mailbox) = runtime.mailbox();
    let mut free: VecDeque<Arc<Slot>> = (0..MOST_CONNECTIONS).map(|_| runtime.slot()).collect();
    let door = runtime.slot();
    while let Some(socket) = listener.accept(&door)? {
        if free.is_empty() {
            mailbox.receive(None, &mut free);
        }
        let Some(slot) = free.pop_front() else { continue };
        let sender = sender.clone();
        runtime.spawn(move || {
            // A client that resets its connection ends this task and nobody else's.
            let _ = echo(&socket, &slot);
            drop(socket);
            sender.send(slot);
        })?;
    }
    Ok(())
}

fn echo(socket: &Socket, slot: &Slot) -> io::Result<()> {
    let mut buffer = [0; 4096];
    loop {
        match recv(socket, slot, &mut buffer)? {
            0 => return Ok(()),
            n => send_all(socket, slot, &buffer[..n])?,
        }
    }
}

/// A read that looks as if it blocked, and parks.
fn recv(socket: &Socket, slot: &Slot, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match socket.recv(buffer) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => socket.wait_readable(slot, None),
            result => return result,
        };
    }
}

fn send_all(socket: &Socket, slot: &Slot, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match socket.send(bytes) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => drop(socket.wait_writable(slot, None)),
            result => bytes = &bytes[result?..],
        }
    }
    Ok(())
}

/// The client: all connections at once, the last one read first.
fn talk(runtime: &Runtime, addr: SocketAddr) -> io::Result<Vec<String>> {
    let slot = runtime.slot();
    let connect = |_| Socket::connect_any(&[addr], Duration::ZERO, &slot, None).map(|(socket, _)| socket);
    let sockets: Result<Vec<Socket>, _> = LINES.iter().map(connect).collect();
    let sockets = sockets.map_err(|error| io::Error::other(format!("{:?}", error.tried)))?;
    for (socket, line) in sockets.iter().zip(LINES) {
        send_all(socket, &slot, line.as_bytes())?;
    }
    let mut lines = Vec::new();
    for (socket, line) in sockets.iter().zip(LINES).rev() {
        lines.insert(0, recv_text(socket, &slot, line.len())?);
    }
    Ok(lines)
}

fn recv_text(socket: &Socket, slot: &Slot, length: usize) -> io::Result<String> {
    let (mut bytes, mut filled) = (vec![0; length], 0);
    while filled < length {
        match recv(socket, slot, &mut bytes[filled..])? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            n => filled += n,
        }
    }
    String::from_utf8(bytes).map_err(io::Error::other)
}
