//! Texts that others wrote, kept to a size: a message can hold a value of any length.

use std::borrow::Cow;

/// The most bytes of a message on its way from a run, as much as a log message may ever have.
pub const LONGEST_MESSAGE: usize = 1024 * 1024;

const CUT: &str = "… (cut: the whole text has ";

/// A text of no more than so many bytes, which should be 256 at least. What is cut says how long it was, also
/// when it is cut again.
#[must_use]
pub fn cut(text: &str, bytes: usize) -> Cow<'_, str> {
    if text.len() <= bytes {
        return Cow::Borrowed(text);
    }
    let marker = match text.rfind(CUT).map(|at| &text[at..]) {
        Some(marker) if marker.len() < CUT.len() + 30 && marker.ends_with(" bytes)") => marker.to_owned(),
        _ => format!("{CUT}{} bytes)", text.len()),
    };
    let end = text.floor_char_boundary(bytes.saturating_sub(marker.len()));
    Cow::Owned(format!("{}{marker}", &text[..end]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_between_characters_and_says_how_long_it_was() {
        assert_eq!(cut("short", 5), "short");
        let long = "ä".repeat(1_000);
        for bytes in 256..300 {
            let short = cut(&long, bytes);
            assert!(short.len() <= bytes, "{} of {bytes}", short.len());
            assert!(short.starts_with('ä') && short.ends_with("… (cut: the whole text has 2000 bytes)"));
            let shorter = cut(&short, 200);
            assert!(shorter.len() <= 200 && shorter.ends_with("ä… (cut: the whole text has 2000 bytes)"));
        }
    }
}
