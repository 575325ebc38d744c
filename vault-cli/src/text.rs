//! Numbers, times and outside text, for people; and back from what people type.

use gapvault_core::formats::agefile::Recipient;
use gapvault_core::formats::names::shorten;
use std::fmt::Write;

/// Bytes with a binary unit: `4.2 GiB`.
pub(crate) fn bytes(bytes: u64) -> String {
    indicatif::HumanBytes(bytes).to_string()
}

/// A count and its noun: `1 file`, `2 files`.
pub(crate) fn count(number: u64, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

pub(crate) use gapvault_core::error::visible as printable;

/// A recipient, for people: one of the suite age-pq has 2,000 characters.
pub(crate) fn short(recipient: &Recipient) -> String {
    shorten(&recipient.to_string())
}

/// JSON with the same characters as its own escapes: they only ever stand inside of strings.
pub(crate) fn printable_json(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if c.is_control() || gapvault_core::formats::relpath::is_hidden(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing to a String can't fail.
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(c);
        }
    }
    out
}

/// A size as people type it: `67108864`, `64M`, `1GiB`. Units are binary.
pub(crate) fn parse_size(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match text[digits.len()..].to_ascii_lowercase().trim_end_matches("ib").trim_end_matches('b') {
        "" => 0,
        "k" => 10,
        "m" => 20,
        "g" => 30,
        "t" => 40,
        _ => return Err("expected a size like 64M or 1G".to_owned()),
    };
    let number: u64 = digits.parse().map_err(|_| "expected a size like 64M or 1G".to_owned())?;
    number.checked_mul(1 << unit).ok_or_else(|| "too large".to_owned())
}

/// A span of time as people type it: `30d`, `12h`, `90m`. In seconds.
pub(crate) fn parse_span(text: &str) -> Result<i64, String> {
    let expected = || "expected a span like 30d, 12h or 90m".to_owned();
    let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(expected)?;
    let unit = match unit {
        "d" => 86_400,
        "h" => 3_600,
        "m" => 60,
        _ => return Err(expected()),
    };
    let number: i64 = number.parse().map_err(|_| expected())?;
    number.checked_mul(unit).filter(|seconds| *seconds > 0).ok_or_else(expected)
}

/// A span of time for people: `45 s`, `12 min`, `3 h 20 min`.
pub(crate) fn span(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// A part of a hundred as people type it: `5%` or `5`, from 1 to 100.
pub(crate) fn parse_percent(text: &str) -> Result<u8, String> {
    let expected = || "expected a percentage from 1% to 100%".to_owned();
    let number: u8 = text.strip_suffix('%').unwrap_or(text).parse().map_err(|_| expected())?;
    if (1..=100).contains(&number) { Ok(number) } else { Err(expected()) }
}

/// A note as people type it: `key=value`.
pub(crate) fn parse_note(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("expected KEY=VALUE")?;
    if key.is_empty() { Err("expected KEY=VALUE".to_owned()) } else { Ok((key.to_owned(), value.to_owned())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_spans() {
        assert_eq!(
            (parse_size("64M"), parse_size("65536"), parse_size("1GiB")),
            (Ok(64 << 20), Ok(65_536), Ok(1 << 30))
        );
        assert_eq!((parse_span("30d"), parse_span("90m")), (Ok(2_592_000), Ok(5_400)));
        for bad in ["", "M", "64X", "-1M", "99999999999999999999G", "64 M"] {
            assert!(parse_size(bad).is_err(), "{bad}");
        }
        assert_eq!([45, 600, 12_000].map(span), ["45 s", "10 min", "3 h 20 min"]);
        assert_eq!((parse_percent("5%"), parse_percent("100")), (Ok(5), Ok(100)));
        for bad in ["", "%", "0%", "101%", "5.5%", "-1", "five"] {
            assert!(parse_percent(bad).is_err(), "{bad}");
        }
        for bad in ["", "d", "0d", "-1d", "30", "30y", "é"] {
            assert!(parse_span(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn tricks_are_made_visible() {
        assert_eq!(printable("a\u{202e}b\u{1b}[2J"), "a\\u{202e}b\\u{1b}[2J");
        assert_eq!(printable_json("\"\u{9b}\u{e0041}\""), "\"\\u009b\\udb40\\udc41\"");
    }
}
