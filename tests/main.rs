//! All product tests: one binary, one link. The modules are the features.

mod support;

mod compare;
mod connect;
mod decode;
mod demo;
mod examples;
mod engine;
mod exit;
mod framing;
mod head;
mod json;
mod limits;
mod list;
mod modes;
mod name_server;
mod names;
mod oracle;
mod process;
mod readme;
mod redirect;
mod regression;
mod retry;
mod route;
mod runtime;
mod servers;
mod save;
mod signals;
mod slo;
mod stack;
mod text;
mod terms;
mod tidy;
mod tls;
mod what_if;
mod workshop;
