//! A gzip member around bytes that are not compressed: enough to have something to decode.
//!
//! Knows RFC 1952 and the stored block of RFC 1951 §3.2.4. Refuses to compress.

/// Wraps bytes as one gzip member with one stored block; what is beyond the 65 535 bytes of a block is left out.
pub(super) fn store(bytes: &[u8]) -> Vec<u8> {
    let len = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    let bytes = &bytes[..usize::from(len)];
    // Magic number, deflate, no flags, no time, no hint, made by an unknown system.
    let mut member = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    // The last block, and it is stored.
    member.push(1);
    member.extend(len.to_le_bytes());
    member.extend((!len).to_le_bytes());
    member.extend(bytes);
    member.extend(crc32(bytes).to_le_bytes());
    member.extend(u32::from(len).to_le_bytes());
    member
}

/// CRC-32 as RFC 1952 §8 has it, bit by bit: our bodies are a few words long.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_one_that_everybody_computes() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(crc32(b""), 0);
    }

    #[test]
    fn a_member_is_what_gzip_unpacks() {
        // `gzip -t` and `gunzip` take exactly these bytes for "abc".
        let member = [
            0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255, 1, 3, 0, 0xfc, 0xff, b'a', b'b', b'c', 0xc2, 0x41, 0x24,
            0x35, 3, 0, 0, 0,
        ];
        assert_eq!(store(b"abc"), member);
        assert_eq!(store(&vec![7; 70_000]).len(), 65_535 + 23);
    }
}
