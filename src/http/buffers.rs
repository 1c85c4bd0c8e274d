//! Buffers, lent: a connection that waits holds none.
//!
//! Knows sizes and a free list. Refuses to know what is in them.

use std::sync::{Arc, Mutex, PoisonError};

/// Large enough that a big body costs few calls (256 MiB took 137 ms of CPU by 64 KiB and 91 to 104 ms by 256 KiB,
/// 2026-11); only the pages that bytes arrive in are touched.
pub(super) const LENT_BYTES: usize = 256 << 10;

/// More than this many are not kept: with one worker, few are ever out at once.
const KEPT: usize = 8;

/// The free list. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Lender {
    free: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Lender {
    /// A buffer of `LENT_BYTES`; what is in it means nothing.
    pub(super) fn lend(&self) -> Vec<u8> {
        let kept = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        kept.unwrap_or_else(|| vec![0; LENT_BYTES])
    }

    /// Takes one back; one of another size is freed.
    pub(super) fn take_back(&self, buffer: Vec<u8>) {
        if buffer.len() == LENT_BYTES {
            let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
            if free.len() < KEPT {
                free.push(buffer);
            }
        }
    }
}

/// What ureq reads from and writes to: memory only while there are bytes in it.
pub(super) struct WireBuffers {
    lender: Lender,
    input: Vec<u8>,
    start: usize,
    end: usize,
    /// Whether the last look at the input consumed any of it.
    progress: bool,
    output: Vec<u8>,
    scratch: Vec<u8>,
}

impl WireBuffers {
    pub(super) fn new(lender: Lender) -> WireBuffers {
        let (input, output, scratch) = (Vec::new(), Vec::new(), Vec::new());
        WireBuffers { lender, input, start: 0, end: 0, progress: false, output, scratch }
    }

    pub(super) fn lender(&self) -> &Lender {
        &self.lender
    }

    /// Makes `buffer[range]` the input; what was left of the one before stands in front of it.
    pub(super) fn fill(&mut self, mut buffer: Vec<u8>, start: usize, end: usize) {
        if self.start < self.end {
            let mut joined = self.input[self.start..self.end].to_vec();
            joined.extend_from_slice(&buffer[start..end]);
            self.lender.take_back(std::mem::replace(&mut buffer, joined));
            self.release_input();
            (self.start, self.end) = (0, buffer.len());
        } else {
            self.release_input();
            (self.start, self.end) = (start, end);
        }
        self.input = buffer;
        self.progress = true;
        if self.start == self.end {
            self.release_input();
        }
    }

    fn release_input(&mut self) {
        (self.start, self.end) = (0, 0);
        self.lender.take_back(std::mem::take(&mut self.input));
    }

    /// What is about to be sent.
    pub(super) fn sent(&self, amount: usize) -> &[u8] {
        &self.output[..amount.min(self.output.len())]
    }

    /// Nothing more is to be sent for now.
    pub(super) fn release_output(&mut self) {
        self.lender.take_back(std::mem::take(&mut self.output));
        self.lender.take_back(std::mem::take(&mut self.scratch));
    }

    fn borrow_output(&mut self) {
        if self.output.is_empty() {
            self.output = self.lender.lend();
        }
    }
}

impl Drop for WireBuffers {
    fn drop(&mut self) {
        self.release_input();
        self.release_output();
    }
}

impl ureq::unversioned::transport::Buffers for WireBuffers {
    fn output(&mut self) -> &mut [u8] {
        self.borrow_output();
        &mut self.output
    }

    fn input(&self) -> &[u8] {
        &self.input[self.start..self.end]
    }

    /// The wire fills the input itself (`fill`); ureq's core never asks for this.
    fn input_append_buf(&mut self) -> &mut [u8] {
        &mut []
    }

    fn input_appended(&mut self, _amount: usize) {}

    fn input_consume(&mut self, amount: usize) {
        self.progress = amount > 0;
        self.start = (self.start + amount).min(self.end);
        if self.start == self.end {
            self.release_input();
        }
    }

    fn tmp_and_output(&mut self) -> (&mut [u8], &mut [u8]) {
        self.borrow_output();
        if self.scratch.is_empty() {
            self.scratch = self.lender.lend();
        }
        (&mut self.scratch, &mut self.output)
    }

    fn can_use_input(&self) -> bool {
        self.start < self.end && self.progress
    }
}

#[cfg(test)]
mod tests {
    use ureq::unversioned::transport::Buffers;

    use super::*;

    #[test]
    fn a_buffer_goes_back_as_soon_as_it_is_read() {
        let lender = Lender::default();
        let mut buffers = WireBuffers::new(lender.clone());
        let mut lent = lender.lend();
        lent[..4].copy_from_slice(b"abcd");
        buffers.fill(lent, 1, 4);
        assert_eq!(buffers.input(), b"bcd");
        buffers.input_consume(3);
        assert!(!buffers.can_use_input());
        assert_eq!(lender.free.lock().unwrap().len(), 1);
    }

    #[test]
    fn what_was_left_stands_before_what_comes() {
        let lender = Lender::default();
        let mut buffers = WireBuffers::new(lender.clone());
        for bytes in [b"ab", b"cd"] {
            let mut lent = lender.lend();
            lent[..2].copy_from_slice(bytes);
            buffers.fill(lent, 0, 2);
        }
        assert_eq!(buffers.input(), b"abcd");
    }
}
