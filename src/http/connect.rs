//! A hop's connection: one that is idle, or a fresh one by names, connect and TLS, each with its phase.
//!
//! Knows the order of the steps and the limit that holds for all of them. Refuses to know what is asked over it
//! (`exchange`).

use std::net::SocketAddr;
use std::time::Instant;

use super::connection::{Connection, Deadline};
use super::error::{self, Limit};
use super::exchange::Exchange;
use super::resolver::Resolution;
use super::route::Way;
use super::tunnel::Tunnel;
use super::wire;
use crate::config::Proxy;
use crate::outcome::{Class, Failure, Phase};
use crate::runtime::Wake;

impl Exchange<'_> {
    /// A connection that was used before. What may not be sent twice gets a fresh one: the server may just be closing
    /// the old, and then nobody could say whether it was done.
    pub(super) fn reuse(&mut self) -> Option<Connection> {
        if !self.method.is_idempotent() {
            return None;
        }
        let mut connection = self.client.pool.take(&self.key(), self.watch.latest())?;
        connection.used += 1;
        Some(connection)
    }

    /// Names, connect, the tunnel of a proxy, TLS, in this order, each with its phase.
    pub(super) fn connect(&mut self) -> Result<Connection, Failure> {
        let limit = self.request.limits.connect_timeout;
        let connecting = Deadline {
            at: limit.map(|limit| Instant::now() + limit),
            limit: Limit::Connect(limit.unwrap_or_default()),
        };
        let deadline = self.total.earlier(connecting);
        let client = self.client;
        let way = client.routes.way(self.place());
        let mut connection = self.open(way, deadline)?;
        connection.used = 1;
        self.response.num_connects += 1;
        self.response.remote = connection.remote;
        if let Way::Tunnel(proxy) = way {
            self.dig(proxy, &mut connection, deadline)?;
        }
        let is_tls = self.place().scheme() == "https";
        self.watch.connected(if is_tls { Phase::Tls } else { Phase::Send });
        if is_tls {
            let secured = self.secure(&mut connection, deadline);
            self.response.tls = None;
            self.note_tls(&connection);
            secured?;
            self.watch.secured();
        }
        Ok(connection)
    }

    fn open(&mut self, way: Way<'_>, deadline: Deadline) -> Result<Connection, Failure> {
        if let Way::Socket(path) = way {
            self.watch.resolved();
            return Connection::open_local(path, deadline, self.slot);
        }
        let addrs = self.resolve(deadline).map_err(|failure| match (way.proxy(), failure.class) {
            (Some(proxy), Class::Dns) => {
                Failure { message: format!("proxy {proxy}: {}", failure.message), ..failure }
            }
            _ => failure,
        })?;
        self.watch.resolved();
        let opened = Connection::open(&addrs, deadline, self.slot, || self.client.pool.clear());
        opened.map_err(|error| error::no_connection(error, deadline.limit, way.proxy().is_some()))
    }

    fn dig(&self, proxy: &Proxy, connection: &mut Connection, deadline: Deadline) -> Result<(), Failure> {
        let Some((host, port)) = self.client.routes.server(self.place()) else { return Err(no_place()) };
        let log = |mark: char, head: &[u8]| {
            wire::log(self.tracer.as_ref().filter(|_| self.client.logs_wire), mark, head);
        };
        let user_agent = &self.client.user_agent;
        Tunnel { proxy, host, port, user_agent, deadline, slot: self.slot, log: &log }.open(connection)
    }

    fn resolve(&mut self, deadline: Deadline) -> Result<Vec<SocketAddr>, Failure> {
        let Some((host, port)) = self.client.routes.next(self.place()) else { return Err(no_place()) };
        if let Resolution::Known(addrs) = self.client.resolver.known(&host, port, &self.request.resolve)? {
            return Ok(addrs);
        }
        let name = host.to_string();
        self.watch.enter(Phase::Dns);
        let found = self.client.resolver.look_up(&name, port, self.slot, deadline.at);
        found.map_err(|wake| gave_up(wake, deadline, Phase::Dns))?
    }

    // What it has on the stack is what plain http must not pay for.
    #[inline(never)]
    fn secure(&self, connection: &mut Connection, deadline: Deadline) -> Result<(), Failure> {
        let config = self.client.tls.config(self.request.insecure, self.slot, deadline.at);
        let config = config.map_err(|wake| gave_up(wake, deadline, Phase::Tls))??;
        let host = self.place().host_str().unwrap_or_default();
        connection.secure(config, host, deadline, self.slot, !self.request.insecure)
    }

    /// What is known of TLS, once a connection and only for those who will be told.
    pub(super) fn note_tls(&mut self, connection: &Connection) {
        if self.response.tls.is_none() && self.wants_tls() {
            self.response.tls = connection.tls_facts();
        }
    }
}

fn no_place() -> Failure {
    error::internal(Phase::Dns, "a URL without host or port came this far")
}

pub(super) fn gave_up(wake: Wake, deadline: Deadline, phase: Phase) -> Failure {
    match wake {
        Wake::Stopped => error::cancelled(phase),
        Wake::Late | Wake::Woken => error::late(deadline.limit, phase),
    }
}
