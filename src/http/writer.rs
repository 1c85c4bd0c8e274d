//! How requests are written: ureq's settings, and what it wrote with them.
//!
//! Knows which headers go out without being asked for. Refuses to send (`exchange`).

use super::{decode, head, plain, transport};
use crate::config::RequestDefaults;
use crate::request::HeaderEdit;

/// ureq in one setting, and the requests that it wrote in it.
pub(super) struct Writer {
    pub(super) agent: ureq::Agent,
    pub(super) templates: plain::Templates,
}

impl Writer {
    /// One that asks for content codings, or one that does not.
    pub(super) fn new(defaults: &RequestDefaults, compressed: bool) -> Writer {
        Writer { agent: agent(defaults, compressed), templates: plain::Templates::default() }
    }
}

/// ureq with everything switched off that is done under it or around it, each for a measured reason (ARCHITECTURE.md).
fn agent(defaults: &RequestDefaults, compressed: bool) -> ureq::Agent {
    let is_removed = |name: &str| {
        let removes =
            |edit: &HeaderEdit| matches!(edit, HeaderEdit::Remove(n) if n.eq_ignore_ascii_case(name));
        defaults.headers.iter().any(removes)
    };
    let user_agent = if is_removed("user-agent") { "" } else { defaults.user_agent.as_str() };
    let asks_for_codings = compressed && !is_removed("accept-encoding");
    let accept = if is_removed("accept") { "" } else { "*/*" };
    let settings = ureq::config::Config::builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .max_idle_connections(0)
        .proxy(None)
        .allow_non_standard_methods(true)
        .max_response_header_size(head::MOST_HEAD_BYTES * 2)
        .user_agent(user_agent)
        .accept(accept)
        .accept_encoding(if asks_for_codings { decode::ACCEPTED } else { "" })
        .build();
    ureq::Agent::with_parts(settings, transport::HandOver, transport::Nobody)
}
