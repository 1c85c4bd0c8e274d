//! Options that a list for aria2 may have on its indented lines and that mean nothing here.
//!
//! Knows their names (aria2 1.37, "Input File"). Refuses to know what they do: those that have a meaning here are
//! settings of ours.

/// In alphabetical order.
#[rustfmt::skip] // A table of words.
const OPTIONS: [&str; 103] = [
    "all-proxy", "all-proxy-passwd", "all-proxy-user", "allow-overwrite", "allow-piece-length-change",
    "always-resume", "async-dns", "auto-file-renaming", "bt-enable-hook-after-hash-check", "bt-enable-lpd",
    "bt-exclude-tracker", "bt-external-ip", "bt-force-encryption", "bt-hash-check-seed", "bt-load-saved-metadata",
    "bt-max-peers", "bt-metadata-only", "bt-min-crypto-level", "bt-prioritize-piece", "bt-remove-unselected-file",
    "bt-request-peer-speed-limit", "bt-require-crypto", "bt-save-metadata", "bt-seed-unverified", "bt-stop-timeout",
    "bt-tracker", "bt-tracker-connect-timeout", "bt-tracker-interval", "bt-tracker-timeout", "check-integrity",
    "conditional-get", "content-disposition-default-utf8", "continue", "dry-run", "enable-http-keep-alive",
    "enable-http-pipelining", "enable-mmap", "enable-peer-exchange", "file-allocation", "follow-metalink",
    "follow-torrent", "force-save", "ftp-passwd", "ftp-proxy", "ftp-proxy-passwd", "ftp-proxy-user",
    "ftp-reuse-connection", "ftp-type", "ftp-user", "gid", "hash-check-only", "http-accept-gzip",
    "http-auth-challenge", "http-no-cache", "http-passwd", "http-proxy", "http-proxy-passwd", "http-proxy-user",
    "http-user", "https-proxy", "https-proxy-passwd", "https-proxy-user", "index-out", "lowest-speed-limit",
    "max-connection-per-server", "max-download-limit", "max-file-not-found", "max-mmap-limit",
    "max-resume-failure-tries", "max-tries", "max-upload-limit", "metalink-base-uri",
    "metalink-enable-unique-protocol", "metalink-language", "metalink-location", "metalink-os",
    "metalink-preferred-protocol", "metalink-version", "min-split-size", "no-file-allocation-limit", "no-netrc",
    "no-proxy", "no-want-digest-header", "parameterized-uri", "pause", "pause-metadata", "piece-length",
    "proxy-method", "realtime-chunk-checksum", "remote-time", "remove-control-file", "retry-wait", "reuse-uri",
    "rpc-save-upload-metadata", "seed-ratio", "seed-time", "select-file", "split", "ssh-host-key-md",
    "stream-piece-selector", "timeout", "uri-selector", "use-head",
];

/// The option of that name, if aria2 has it and it means nothing here.
pub(super) fn option(key: &str) -> Option<&'static str> {
    OPTIONS.binary_search(&key).ok().map(|at| OPTIONS[at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_is_found_by_its_name() {
        for name in OPTIONS {
            assert_eq!(option(name), Some(name));
            assert!(!super::super::setting::is_key(name), "{name} is ours");
        }
        assert_eq!(option("expct"), None);
    }
}
