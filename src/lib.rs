//! greenfetch: many URLs at once, from the shell, in code that reads as if it blocked.
//!
//! ```text
//!  process     main → run ──────────────────── cli → config
//!  whole runs       prefork   compare   demo   results   dry_run   what_if
//!  the loop                  engine ← signal
//!  rooms        list → plan  │  schedule  │  runtime ← http  │  report
//!  pure         record   stats   slo   curl   sanitize   quantity   credentials   exit
//!  words        response · check · request · config · outcome · event
//! ```
//!
//! An arrow may only go down, and rooms are strangers to one another: `engine` alone brings them together while a run
//! lasts. The library exists for `main.rs` and the tests; it makes no promises about its interface.

pub mod run;

pub mod cli;
pub mod config;

pub mod list;
pub mod plan;
pub mod schedule;
pub mod runtime;
pub mod http;
pub mod engine;
pub mod signal;
pub mod report;

pub mod request;
pub mod response;
pub mod check;
pub mod curl;
pub mod outcome;
pub mod event;
pub mod record;
pub mod exit;
pub mod sanitize;
pub mod quantity;
pub mod slo;
pub mod credentials;
pub mod stats;

pub mod compare;
pub mod prefork;
pub mod demo;
pub mod dry_run;
pub mod results;
pub mod what_if;
