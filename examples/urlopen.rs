//! Three URLs fetched as joined tasks: `GET: U` as each starts, `N bytes received from U.` as each ends.
//!
//! The idea: an ordinary blocking HTTP client in many coroutines, because the socket under it parks. From gevent's
//! example of `monkey.patch_all()` with urllib's `urlopen`; the two lines are its lines.
//!
//! In greenfetch: this is the whole program in small. The client is ureq, src/http/transport.rs `await_input` is the
//! patch, and the lines are those of `greenfetch -v`, from src/report/trace.rs and src/report/text.rs. The demo origin
//! runs here beside the fetches, as coroutines of the same worker: both park, so neither holds up the other. `greenfetch
//! demo` gives it a process of its own, src/demo/child.rs `start`, so that its work is not counted as the fetcher's.
#![expect(clippy::print_stdout, reason = "a program, and its output is the point")]

use std::collections::VecDeque;
use std::error::Error;
use std::sync::Arc;

use greenfetch::config::{Config, Mode};
use greenfetch::demo::{LOOPBACK, Origin};
use greenfetch::http::{Client, Fetch};
use greenfetch::plan::Planner;
use greenfetch::request::{Location, Request};
use greenfetch::runtime::{Runtime, Slot};
use url::Url;

/// What each path sends, and when; the first to be asked is the last to answer.
const PATHS: [&str; 3] = ["bytes/30000?delay=300", "bytes/2000?delay=200", "bytes/100?delay=100"];

fn main() -> Result<(), Box<dyn Error>> {
    let origin = Origin::start(LOOPBACK)?;
    let urls = PATHS.map(|path| format!("http://{}/{path}", origin.addr()));
    let config = Config::default();
    let runtime = Runtime::start(Mode::Coroutines, config.concurrency.jobs)?;
    let client = Arc::new(Client::new(&config, &runtime)?);
    let hub = runtime.clone();
    Ok(runtime.run_root(move || fetch_all(&hub, &client, &config, urls))??)
}

fn fetch_all(
    runtime: &Runtime,
    client: &Arc<Client>,
    config: &Config,
    urls: [String; 3],
) -> Result<(), String> {
    let (sender, mailbox) = runtime.mailbox();
    for url in urls {
        let request = request(config, &url)?;
        let (client, slot, sender) = (Arc::clone(client), runtime.slot(), sender.clone());
        let task = move || sender.send(urlopen(&client, &slot, &request));
        runtime.spawn(task).map_err(|error| error.to_string())?;
    }
    let (mut left, mut ended) = (PATHS.len(), VecDeque::new());
    while left > 0 {
        mailbox.receive(None, &mut ended);
        left -= ended.len();
        ended.drain(..).collect::<Result<(), String>>()?;
    }
    Ok(())
}

fn urlopen(client: &Client, slot: &Arc<Slot>, request: &Request) -> Result<(), String> {
    let url = &request.url;
    println!("GET: {url}");
    let attempt = client.fetch(request, slot, None);
    if let Some(failure) = attempt.failure {
        return Err(format!("{url}: {}", failure.message));
    }
    println!("{} bytes received from {url}.", attempt.response.size_delivered);
    Ok(())
}

/// What `greenfetch URL` would ask.
fn request(config: &Config, url: &str) -> Result<Arc<Request>, String> {
    let location = Location { source: "<args>".into(), line: 1 };
    let url = Url::parse(url).map_err(|error| error.to_string())?;
    Ok(Planner::new(config).plan_bare(0, location, url))
}
