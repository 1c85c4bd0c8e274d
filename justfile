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

# The tests against nginx, Apache, HAProxy, squid and Python's http.server, which have to be installed
servers:
    bash .ci/check servers

# A long run over good and bad, in coroutines and threads at the same time: descriptors, threads, memory at its end
soak MINUTES='10':
    SOAK_SECONDS=$(({{MINUTES}} * 60)) cargo test --release --test greenfetch soak -- --ignored

# Fetch from a loopback origin of our own: needs no network
demo *ARGS:
    cargo run --release -- demo {{ARGS}}

# target/release/greenfetch
release:
    cargo build --release --locked
