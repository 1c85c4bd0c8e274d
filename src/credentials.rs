//! A user and a password in the form in which they go over the wire: Basic authentication (RFC 7617) (pure).
//!
//! Knows userinfo and base64. Refuses to know which header they go into, and for whom.

use crate::request::Secret;

/// `USER:PASS` as an Authorization or Proxy-Authorization header says it (RFC 7617 §2).
pub fn basic(pair: &[u8]) -> Secret {
    Secret::new(format!("Basic {}", encode_base64(pair)))
}

/// The same from the userinfo of a URL, where both are percent-encoded (RFC 3986 §3.2.1).
pub fn basic_of_userinfo(user: &str, password: &str) -> Secret {
    basic(&[decode_percent(user), b":".to_vec(), decode_percent(password)].concat())
}

/// RFC 4648 §4, with padding.
fn encode_base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let at = |index: usize| u32::from(three.get(index).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for index in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * index) & 63) as usize];
            text.push(if index <= three.len() { letter.into() } else { '=' });
        }
    }
    text
}

/// RFC 3986 §2.1; what is no `%` and two hex digits stays as it is.
fn decode_percent(text: &str) -> Vec<u8> {
    let mut rest = text.as_bytes();
    let mut decoded = Vec::with_capacity(rest.len());
    while let Some((&first, after)) = rest.split_first() {
        let byte = match after {
            [high, low, ..] if first == b'%' => hex(*high).zip(hex(*low)).map(|(high, low)| high << 4 | low),
            _ => None,
        };
        decoded.push(byte.unwrap_or(first));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    decoded
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn userinfo_is_decoded_before_it_is_encoded() {
        assert_eq!(
            basic_of_userinfo("Aladdin", "open%20sesame").expose(),
            "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="
        );
        assert_eq!(basic_of_userinfo("b", "c%3a%25"), basic(b"b:c:%"));
    }

    proptest! {
        #[test]
        fn base64_is_that_of_rfc_4648(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let text = encode_base64(&bytes);
            prop_assert_eq!(text.len(), bytes.len().div_ceil(3) * 4);
            let letter = |c: char| match c {
                'A'..='Z' => c as u32 - 65,
                'a'..='z' => c as u32 - 71,
                '0'..='9' => c as u32 + 4,
                '+' => 62,
                _ => 63,
            };
            let bits: String = text.trim_end_matches('=').chars().map(|c| format!("{:06b}", letter(c))).collect();
            let expected: String = bytes.iter().map(|byte| format!("{byte:08b}")).collect();
            prop_assert_eq!(&bits[..expected.len()], expected);
        }

        #[test]
        fn percent_decoding_takes_any_text(text in ".{0,20}") {
            let encoded: String = text.bytes().map(|byte| format!("%{byte:02x}")).collect();
            prop_assert_eq!(decode_percent(&encoded), text.as_bytes());
            let _ = decode_percent(&text);
        }
    }
}
