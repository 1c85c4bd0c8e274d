# What can be done
default:
    @just --list --unsorted

# Formatting, lints, tests, documentation, licences: all that has to hold before a commit
check:
    bash .ci/check

# The tests whose name contains NAME
test NAME:
    cargo test {{NAME}}

# The reports against xmllint and promtool, which have to be installed
formats:
    bash .ci/check formats

# Write the files of fixtures/golden anew; then review what git diff shows
golden:
    GREENFETCH_WRITE_GOLDEN=1 cargo test --lib golden_file

# Draw the pictures of docs anew, each by the command that stands beside it; then look at them in a browser
pictures: release
    target/release/greenfetch demo -qq -j 4 --timeline docs/four-jobs.svg
    target/release/greenfetch demo -qq --compare --runs 1 --timeline docs/three-modes.svg

# The tests against nginx, Apache, HAProxy, squid and Python's http.server, which have to be installed
servers:
    bash .ci/check servers

# A long run over good and bad, in coroutines and threads at the same time: descriptors, threads, memory at its end
soak MINUTES='10':
    SOAK_SECONDS=$(({{MINUTES}} * 60)) cargo test --release --test greenfetch soak -- --ignored

# What it costs beside curl, where that is installed: processor time, memory, for CASE or all; docs/performance.md
bench *CASE: release
    python3 bench/run.py {{CASE}}

# Instructions, system calls and memory of a request against their bounds: wants valgrind and strace
cost:
    bash .ci/check cost

# Write down anew which functions a run enters, for layout/: wants valgrind; then build the release anew
layout: release
    GREENFETCH_WRITE_LAYOUT=1 cargo test --test greenfetch what_a_run_enters -- --ignored

# Bytes of strangers at what reads them: `just fuzz head`, `just fuzz answers 5000`
fuzz TARGET='all' N='1000000':
    cp Cargo.lock fuzz/
    cargo run --manifest-path fuzz/Cargo.toml --target-dir target -- {{TARGET}} {{N}}

# Fetch from a loopback origin of our own: needs no network
demo *ARGS:
    cargo run --release -- demo {{ARGS}}

# target/release/greenfetch
release:
    cargo build --release --locked
