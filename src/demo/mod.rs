//! The demo: an origin of our own on the loopback, so that `greenfetch demo` works offline, right after install.
//!
//! Knows how the origin is started, announced and ended, and which URLs a newcomer is shown. Refuses to know how they
//! are fetched: the origin is a child process, so that its work is never counted as the fetcher's.

mod block;
mod child;
mod connection;
mod gate;
mod gzip;
mod head;
mod many;
mod origin;
mod script;
mod usage;

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

use crate::exit::ExitStatus;

pub use block::block;
pub use child::Child;
pub use many::many;
pub use origin::{Origin, serve};

/// Where the origin listens unless told otherwise: this machine alone, on a free port.
pub const LOOPBACK: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0));

/// The environment variable that makes `serve` end with its standard input: set for our own child alone.
const CHILD_VARIABLE: &str = "GREENFETCH_DEMO_CHILD";

/// What the announcement says before the address.
const ANNOUNCEMENT: &str = "demo origin at http://";

/// The demo's list, slowest first, so that the lines come in another order than they stand in. The waits are 50 ms
/// apart, far enough to tell who comes first on a busy machine; together they are 3.85 s, at once 0.6 s.
const PATHS: [&str; 12] = [
    "/delay/600",
    "/drip?bytes=20&ms=550",
    "/delay/500",
    "/bytes/5000000?delay=450",
    "/delay/400",
    "/redirect/2?delay=350",
    "/bytes/65536?delay=300",
    "/status/200?delay=250",
    "/headers?delay=200",
    "/bytes/4096?delay=150",
    "/delay/100",
    "/",
];

/// The waits of the comparison's list in milliseconds: many short ones and a few long ones, as on the web; together
/// 2.5 s, so that three runs of one after another stay below ten seconds. In no order, as
/// lists are.
const WAITS: [u64; 20] =
    [90, 45, 270, 60, 130, 75, 200, 40, 110, 55, 400, 80, 65, 170, 50, 120, 220, 70, 100, 150];
/// What a demonstration came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// For standard output: whole lines, or nothing when it did not come about.
    pub text: String,
    /// Why it did not, a fragment for standard error.
    pub complaint: Option<String>,
    /// How the process ends when the text could be written.
    pub status: ExitStatus,
}

/// The line by which an origin says where it listens, without its end.
pub fn announcement(addr: SocketAddr) -> String {
    format!("{ANNOUNCEMENT}{addr}")
}

/// The address in an announcement; `None` for any other line.
fn parse_announcement(line: &str) -> Option<SocketAddr> {
    line.trim_end().strip_prefix(ANNOUNCEMENT)?.parse().ok()
}

/// The URLs that `greenfetch demo` fetches: all of them pass, each takes a different time.
pub fn list(origin: SocketAddr) -> Vec<String> {
    PATHS.iter().map(|path| format!("http://{origin}{path}")).collect()
}

/// The URLs that `greenfetch demo --compare` fetches: all of them pass, each after a wait of its own.
pub fn comparison_list(origin: SocketAddr) -> Vec<String> {
    WAITS.iter().map(|wait| format!("http://{origin}/delay/{wait}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_announcement_is_read_back_and_nothing_else_is() {
        for addr in ["127.0.0.1:8080", "[::1]:1"] {
            let addr: SocketAddr = addr.parse().unwrap();
            assert_eq!(parse_announcement(&format!("{}\n", announcement(addr))), Some(addr));
        }
        for other in ["", "demo origin at http://", "demo origin at http://localhost:1", "127.0.0.1:1"] {
            assert_eq!(parse_announcement(other), None, "{other:?}");
        }
    }

    #[test]
    fn the_comparison_waits_two_and_a_half_seconds_in_all() {
        assert_eq!(WAITS.iter().sum::<u64>(), 2500);
        assert!(
            comparison_list("[::1]:81".parse().unwrap()).iter().all(|url| url.contains("[::1]:81/delay/"))
        );
    }

    #[test]
    fn a_list_names_its_origin_in_every_url() {
        let urls = list("[::1]:81".parse().unwrap());
        assert_eq!(urls.len(), 12);
        assert!(urls.iter().all(|url| url.starts_with("http://[::1]:81/")));
    }
}
