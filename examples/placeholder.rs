//! One URL fetched in Tornado's two forms: once waited for at once, once as a placeholder that is filled later.
//!
//! The idea: `synchronous_fetch` returns the body, `asynchronous_fetch` returns a `Future`, a place where the body will
//! be; the work begins at once, and who needs the result waits for the place. From Tornado's guide, "Asynchronous and
//! non-Blocking I/O". What differs with stacks: the fetch itself is the same function, only its caller decides.
//!
//! In greenfetch: src/runtime/answer.rs `wait` is the placeholder. A name is asked for once, and all fetches that need
//! it wait for the same one: src/http/resolver.rs `shared_look_up`.
#![expect(clippy::print_stdout, reason = "a program, and its output is the point")]

use std::error::Error;
use std::io;
use std::sync::Arc;

use greenfetch::config::{Config, Mode};
use greenfetch::demo::{LOOPBACK, Origin};
use greenfetch::http::{Client, Fetch};
use greenfetch::plan::Planner;
use greenfetch::request::{Location, Request};
use greenfetch::runtime::{Answer, Runtime, Slot};
use url::Url;

/// How much came, or why nothing did.
type Body = Result<u64, String>;

fn synchronous_fetch(client: &Client, slot: &Arc<Slot>, request: &Request) -> Body {
    let attempt = client.fetch(request, slot, None);
    attempt.failure.map_or(Ok(attempt.response.size_delivered), |failure| Err(failure.message))
}

fn asynchronous_fetch(
    runtime: &Runtime,
    client: &Arc<Client>,
    request: &Arc<Request>,
) -> io::Result<Arc<Answer<Body>>> {
    let placeholder = Arc::new(Answer::default());
    let (slot, filled) = (runtime.slot(), Arc::clone(&placeholder));
    let (client, request) = (Arc::clone(client), Arc::clone(request));
    runtime.spawn(move || filled.give(synchronous_fetch(&client, &slot, &request)))?;
    Ok(placeholder)
}

fn main() -> Result<(), Box<dyn Error>> {
    let origin = Origin::start(LOOPBACK)?;
    let config = Config::default();
    let request = request(&config, &format!("http://{}/bytes/5000?delay=50", origin.addr()))?;
    let runtime = Runtime::start(Mode::Coroutines, config.concurrency.jobs)?;
    let client = Arc::new(Client::new(&config, &runtime)?);
    let hub = runtime.clone();
    Ok(runtime.run_root(move || both_forms(&hub, &client, &request))??)
}

fn both_forms(runtime: &Runtime, client: &Arc<Client>, request: &Arc<Request>) -> Result<(), String> {
    let slot = runtime.slot();
    let body = synchronous_fetch(client, &slot, request)?;
    println!("synchronous: {body} bytes");

    let placeholder = asynchronous_fetch(runtime, client, request).map_err(|error| error.to_string())?;
    println!("asynchronous: {}", if placeholder.get().is_none() { "not yet" } else { "already" });
    let body = placeholder.wait(&slot, None).map_err(|wake| format!("{wake:?}"))??;
    println!("asynchronous: {body} bytes");
    Ok(())
}

/// What `greenfetch URL` would ask.
fn request(config: &Config, url: &str) -> Result<Arc<Request>, String> {
    let location = Location { source: "<args>".into(), line: 1 };
    let url = Url::parse(url).map_err(|error| error.to_string())?;
    Ok(Planner::new(config).plan_bare(0, location, url))
}
