//! What all requests of a run have in common, on its way to a process that makes attempts.
//!
//! Knows which part of a run's configuration its client looks at. Refuses to send anything else of it.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use url::Host;

use super::Garbled;
use crate::config::{self, Config, ConnectTo, Family, Mode, Proxies, Proxy, Verbosity};
use crate::request::{HeaderEdit, Secret};

/// A file's name: any bytes.
type PathWire = Option<Vec<u8>>;

/// The terms. They have secrets in them: a proxy's credentials.
#[derive(Serialize, Deserialize)]
pub(in crate::prefork) struct Terms {
    #[serde(with = "ModeWire")]
    mode: Mode,
    jobs: u32,
    /// Headers that are not sent by themselves.
    removed: Vec<String>,
    user_agent: String,
    connection: ConnectionWire,
    output_dir: PathWire,
    json: bool,
    headers: bool,
    logs_wire: bool,
}

impl std::fmt::Debug for Terms {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Terms")
    }
}

#[derive(Serialize, Deserialize)]
struct ConnectionWire {
    connect_to: Vec<ConnectToWire>,
    unix_socket: PathWire,
    http_proxy: Option<ProxyWire>,
    https_proxy: Option<ProxyWire>,
    no_proxy: String,
    #[serde(with = "FamilyWire")]
    family: Family,
    cacert: PathWire,
    cert: PathWire,
    key: PathWire,
    tls13_only: bool,
}

#[derive(Serialize, Deserialize)]
struct ConnectToWire {
    host: Option<String>,
    port: Option<u16>,
    to_host: Option<String>,
    to_port: Option<u16>,
}

#[derive(Serialize, Deserialize)]
struct ProxyWire {
    host: String,
    port: u16,
    authorization: Option<String>,
}

/// The variants of [`Mode`].
#[derive(Serialize, Deserialize)]
#[serde(remote = "Mode")]
enum ModeWire {
    Sync,
    Threads,
    Coroutines,
}

/// The variants of [`Family`].
#[derive(Serialize, Deserialize)]
#[serde(remote = "Family")]
enum FamilyWire {
    Any,
    V4,
    V6,
}

impl Terms {
    pub(in crate::prefork) fn of(config: &Config, jobs: u32) -> Terms {
        let removed = config.request.headers.iter().filter_map(|edit| match edit {
            HeaderEdit::Remove(name) => Some(name.clone()),
            HeaderEdit::Set(..) => None,
        });
        Terms {
            mode: config.concurrency.mode,
            jobs,
            removed: removed.collect(),
            user_agent: config.request.user_agent.clone(),
            connection: ConnectionWire::of(&config.connection),
            output_dir: path(config.output.output_dir.as_deref()),
            json: config.output.wants_details(),
            headers: config.output.headers,
            logs_wire: config.output.verbosity >= Verbosity::Wire,
        }
    }

    /// A configuration from which the same client is made.
    pub(in crate::prefork) fn config(self) -> Result<Config, Garbled> {
        let mut config = Config { connection: self.connection.read()?, ..Config::default() };
        config.concurrency.mode = self.mode;
        config.concurrency.jobs = self.jobs;
        config.request.headers = self.removed.into_iter().map(HeaderEdit::Remove).collect();
        config.request.user_agent = self.user_agent;
        config.output.output_dir = self.output_dir.map(from_path);
        config.output.json = self.json;
        config.output.headers = self.headers;
        config.output.verbosity = if self.logs_wire { Verbosity::Wire } else { Verbosity::Normal };
        Ok(config)
    }
}

impl ConnectionWire {
    /// `--resolve` and `--insecure` go with each request, as a list can say them too.
    fn of(connection: &config::Connection) -> ConnectionWire {
        let config::Connection { resolve: _, connect_to, unix_socket, proxies, family, .. } = connection;
        let config::Connection { insecure: _, cacert, cert, key, tls13_only, .. } = connection;
        ConnectionWire {
            connect_to: connect_to.iter().map(ConnectToWire::of).collect(),
            unix_socket: path(unix_socket.as_deref()),
            http_proxy: proxies.http.as_ref().map(ProxyWire::of),
            https_proxy: proxies.https.as_ref().map(ProxyWire::of),
            no_proxy: proxies.none_for.clone(),
            family: *family,
            cacert: path(cacert.as_deref()),
            cert: path(cert.as_deref()),
            key: path(key.as_deref()),
            tls13_only: *tls13_only,
        }
    }

    fn read(self) -> Result<config::Connection, Garbled> {
        Ok(config::Connection {
            resolve: Vec::new(),
            connect_to: self.connect_to.into_iter().map(ConnectToWire::read).collect::<Result<_, _>>()?,
            unix_socket: self.unix_socket.map(from_path),
            proxies: Proxies {
                http: self.http_proxy.map(ProxyWire::read).transpose()?,
                https: self.https_proxy.map(ProxyWire::read).transpose()?,
                none_for: self.no_proxy,
            },
            family: self.family,
            insecure: false,
            cacert: self.cacert.map(from_path),
            cert: self.cert.map(from_path),
            key: self.key.map(from_path),
            tls13_only: self.tls13_only,
        })
    }
}

impl ConnectToWire {
    fn of(entry: &ConnectTo) -> ConnectToWire {
        let ConnectTo { host, port, to_host, to_port } = entry.clone();
        ConnectToWire { host, port, to_host: to_host.map(|host| host.to_string()), to_port }
    }

    fn read(self) -> Result<ConnectTo, Garbled> {
        let ConnectToWire { host, port, to_host, to_port } = self;
        Ok(ConnectTo { host, port, to_host: to_host.as_deref().map(host_of).transpose()?, to_port })
    }
}

impl ProxyWire {
    fn of(proxy: &Proxy) -> ProxyWire {
        ProxyWire {
            host: proxy.host.to_string(),
            port: proxy.port,
            authorization: proxy.authorization.as_ref().map(|secret| secret.expose().to_owned()),
        }
    }

    fn read(self) -> Result<Proxy, Garbled> {
        let authorization = self.authorization.map(Secret::new);
        Ok(Proxy { host: host_of(&self.host)?, port: self.port, authorization })
    }
}

fn host_of(text: &str) -> Result<Host, Garbled> {
    Host::parse(text).map_err(|_| Garbled)
}

fn path(path: Option<&Path>) -> PathWire {
    path.map(|path| path.as_os_str().as_bytes().to_owned())
}

fn from_path(bytes: Vec<u8>) -> PathBuf {
    OsString::from_vec(bytes).into()
}

#[cfg(test)]
mod tests {
    use super::super::{Order, parse, write};
    use super::*;

    #[test]
    fn the_client_is_made_of_the_same_terms() {
        let mut config = Config::default();
        config.concurrency.mode = Mode::Threads;
        config.request.headers = vec![HeaderEdit::Remove("Accept".to_owned())];
        config.request.user_agent = "x".to_owned();
        let host = |text| Host::parse(text).unwrap();
        let proxy = |name| {
            let authorization = Some(Secret::new("Basic eA=="));
            Some(Proxy { host: host(name), port: 3128, authorization })
        };
        config.connection = config::Connection {
            connect_to: vec![ConnectTo {
                host: Some("a.test".to_owned()),
                port: None,
                to_host: Some(host("[::1]")),
                to_port: Some(7),
            }],
            unix_socket: Some(from_path(vec![b'/', 0xff])),
            proxies: Proxies {
                http: proxy("p.test"),
                https: proxy("10.0.0.1"),
                none_for: "*.test".to_owned(),
            },
            family: Family::V6,
            cacert: Some("ca".into()),
            cert: Some("c".into()),
            key: Some("k".into()),
            tls13_only: true,
            ..config::Connection::default()
        };
        config.output.output_dir = Some("out".into());
        config.output.headers = true;
        config.output.verbosity = Verbosity::Wire;
        config.output.json = true;
        let mut bytes = Vec::new();
        write(&Order::Terms(Box::new(Terms::of(&config, 9))), &mut bytes);
        let Ok(Order::Terms(terms)) = parse(&bytes[4..]) else { panic!("not what was written") };
        let came = terms.config().unwrap();
        assert_eq!((came.concurrency.jobs, came.concurrency.mode), (9, Mode::Threads));
        assert_eq!(came.connection, config.connection);
        assert_eq!((&came.request, &came.output), (&config.request, &config.output));
    }
}
