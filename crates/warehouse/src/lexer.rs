//! SQL cut into words exactly where DuckDB cuts it. A text that two readers cut differently could
//! hide a second statement from the one that checks it, so this follows DuckDB's rules to the
//! letter: a line comment ends at a carriage return too, block comments nest, backticks quote names,
//! a backslash counts in `E'…'` only, and `$` inside a word belongs to the word. Spaces beyond ASCII
//! are an error outside of quotes and comments: whether DuckDB takes one for a space or for a letter
//! depends on what another reader of its own makes of the text before.

/// One piece of a statement; spaces and comments are none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    pub(crate) kind: Kind,
    /// As written, quotes included.
    pub(crate) text: &'a str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Word,
    /// A quoted name.
    Name,
    Text,
    Number,
    /// One character of an operator or a bracket.
    Sign,
    /// `;`
    End,
}

impl Token<'_> {
    /// Whether this is the word, in any case, without quotes.
    pub(crate) fn is(&self, word: &str) -> bool {
        self.kind == Kind::Word && self.text.eq_ignore_ascii_case(word)
    }

    pub(crate) fn is_sign(&self, sign: &str) -> bool {
        self.kind == Kind::Sign && self.text == sign
    }

    /// What a word or quoted name names, in lower case.
    pub(crate) fn named(&self) -> Option<String> {
        match self.kind {
            Kind::Word => Some(self.text.to_ascii_lowercase()),
            Kind::Name => {
                let quote = &self.text[..1];
                let inner = &self.text[1..self.text.len() - 1];
                Some(inner.replace(&quote.repeat(2), quote).to_ascii_lowercase())
            }
            Kind::Text | Kind::Number | Kind::Sign | Kind::End => None,
        }
    }
}

/// Cuts a text into its tokens.
///
/// # Errors
/// What has a beginning and no end.
pub(crate) fn tokens(sql: &str) -> Result<Vec<Token<'_>>, &'static str> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < sql.len() {
        let (kind, end) = next(sql, at)?;
        if let Some(kind) = kind {
            tokens.push(Token { kind, text: &sql[at..end] });
        }
        at = end;
    }
    Ok(tokens)
}

/// The token that begins here and where it ends; no kind for spaces and comments.
fn next(sql: &str, start: usize) -> Result<(Option<Kind>, usize), &'static str> {
    let bytes = sql.as_bytes();
    let rest = &sql[start..];
    let quote_follows = bytes.get(start + 1) == Some(&b'\'');
    Ok(match bytes[start] {
        b'\'' => (Some(Kind::Text), quoted(bytes, start, start, false)?),
        b'e' | b'E' if quote_follows => (Some(Kind::Text), quoted(bytes, start, start + 1, true)?),
        b'n' | b'N' | b'x' | b'X' | b'b' | b'B' if quote_follows => {
            (Some(Kind::Text), quoted(bytes, start, start + 1, false)?)
        }
        b'"' | b'`' => (Some(Kind::Name), quoted(bytes, start, start, false)?),
        b';' => (Some(Kind::End), start + 1),
        b'$' => dollar(sql, start)?,
        _ if rest.starts_with("--") => {
            (None, rest.find(['\n', '\r']).map_or(sql.len(), |end| start + end + 1))
        }
        _ if rest.starts_with("/*") => (None, block_comment(bytes, start)?),
        b'0'..=b'9' | b'.' => (Some(Kind::Number), number(bytes, start)),
        byte if is_space(byte) => (None, start + 1),
        byte if in_word(byte) => (Some(Kind::Word), word(sql, start)?),
        _ => (Some(Kind::Sign), start + 1),
    })
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | 0x0b | 0x0c | b'\r')
}

/// The bytes that may go on a word. Whatever is not ASCII is a letter to DuckDB.
fn in_word(byte: u8) -> bool {
    byte == b'_'
        || byte == b'$'
        || byte.is_ascii_alphanumeric()
        || byte >= 0x80
        || (byte.is_ascii_control() && !is_space(byte))
}

/// Whether a character is a space beyond ASCII that DuckDB may take for one.
fn is_odd_space(character: char) -> bool {
    matches!(
        character,
        '\u{a0}' | '\u{2000}'..='\u{200b}' | '\u{202f}' | '\u{205f}' | '\u{2060}' | '\u{3000}' | '\u{feff}'
    )
}

const ODD_SPACE: &str = "it has a space that is none of the plain ones (it may come from a web page or a document); type that space anew";

fn word(sql: &str, start: usize) -> Result<usize, &'static str> {
    for (offset, character) in sql[start..].char_indices() {
        if is_odd_space(character) {
            return Err(ODD_SPACE);
        }
        if character.is_ascii() && !in_word(sql.as_bytes()[start + offset]) {
            return Ok(start + offset);
        }
    }
    Ok(sql.len())
}

/// Where a quoted piece ends whose quote stands at `open`; a doubled quote stays inside.
fn quoted(bytes: &[u8], start: usize, open: usize, backslashes: bool) -> Result<usize, &'static str> {
    let quote = bytes[open];
    let mut at = open + 1;
    while at < bytes.len() {
        if backslashes && bytes[at] == b'\\' && at + 1 < bytes.len() {
            at += 2;
        } else if bytes[at] != quote {
            at += 1;
        } else if bytes.get(at + 1) == Some(&quote) {
            at += 2;
        } else {
            return Ok(at + 1);
        }
    }
    Err(if bytes[start] == b'"' || bytes[start] == b'`' {
        "a quoted name has no end"
    } else {
        "a text has no end"
    })
}

/// `$$…$$` and `$tag$…$tag$`; else the sign of a parameter.
fn dollar(sql: &str, start: usize) -> Result<(Option<Kind>, usize), &'static str> {
    let inner = &sql[start + 1..];
    let tag = inner.find(|c: char| !(c == '_' || c.is_ascii_alphanumeric() || !c.is_ascii()));
    let Some(tag) = tag.filter(|end| inner[*end..].starts_with('$')).map(|end| &inner[..end]) else {
        return Ok((Some(Kind::Sign), start + 1));
    };
    if tag.starts_with(|c: char| c.is_ascii_digit()) {
        return Ok((Some(Kind::Sign), start + 1));
    }
    if tag.contains(is_odd_space) {
        return Err(ODD_SPACE);
    }
    let marker = format!("${tag}$");
    let content = start + marker.len();
    match sql[content..].find(&marker) {
        Some(end) => Ok((Some(Kind::Text), content + end + marker.len())),
        None => Err("a dollar-quoted text has no end"),
    }
}

fn block_comment(bytes: &[u8], start: usize) -> Result<usize, &'static str> {
    let mut depth = 1;
    let mut at = start + 2;
    while at < bytes.len() {
        if bytes[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if bytes[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return Ok(at);
            }
        } else {
            at += 1;
        }
    }
    Err("a comment has no end")
}

/// A number may have points, digits apart by `_`, and an exponent. What was read of an exponent
/// that is none goes back: `1e'…'` is a number and a text with backslashes.
fn number(bytes: &[u8], start: usize) -> usize {
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let exponent = |at: usize| matches!(bytes.get(at), Some(b'e' | b'E'));
    let mut end = start + 1;
    while end < bytes.len() {
        let goes_on = match bytes[end] {
            b'0'..=b'9' | b'.' => true,
            b'_' => digit(end - 1) && digit(end + 1),
            b'e' | b'E' => !exponent(end - 1) && (digit(start) || digit(end - 1)),
            b'+' | b'-' => exponent(end - 1),
            _ => false,
        };
        if !goes_on {
            break;
        }
        end += 1;
    }
    while !(digit(end - 1) || bytes[end - 1] == b'.') {
        end -= 1;
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(sql: &str) -> Vec<&str> {
        tokens(sql).unwrap().iter().map(|token| token.text).collect()
    }

    #[test]
    fn pieces_are_cut_where_duckdb_cuts_them() {
        for (sql, expected) in [
            ("SELECT a.b", vec!["SELECT", "a", ".", "b"]),
            ("-- x\rCOMMIT", vec!["COMMIT"]),
            ("-- x\nCOMMIT", vec!["COMMIT"]),
            ("/* /* */ ; */ x", vec!["x"]),
            ("`a;``b` \"c;\"\"d\"", vec!["`a;``b`", "\"c;\"\"d\""]),
            ("'\\';''", vec!["'\\'", ";", "''"]),
            ("E'\\';'", vec!["E'\\';'"]),
            ("1e'\\';'", vec!["1", "e'\\';'"]),
            ("xe'\\'", vec!["xe", "'\\'"]),
            ("1e-5 1e--x", vec!["1e-5", "1", "e"]),
            ("$$;$$ $a$;$$;$a$", vec!["$$;$$", "$a$;$$;$a$"]),
            ("a$$;", vec!["a$$", ";"]),
            ("$1 ;", vec!["$", "1", ";"]),
            ("'\u{a0}' /*\u{a0}*/ \"\u{a0}\" é", vec!["'\u{a0}'", "\"\u{a0}\"", "é"]),
            ("x'00' N'a;' fooE'\\' ", vec!["x'00'", "N'a;'", "fooE", "'\\'"]),
            ("a->>'$.b'", vec!["a", "-", ">", ">", "'$.b'"]),
        ] {
            assert_eq!(cut(sql), expected, "{sql:?}");
        }
    }

    #[test]
    fn odd_spaces_are_refused_where_they_could_be_letters() {
        for sql in
            ["SELECT\u{a0}1", "\u{feff}SELECT 1", "é$$\u{a0}$a$;COMMIT;SELECT x$a$", "$a\u{a0}$ $a\u{a0}$"]
        {
            assert_eq!(tokens(sql), Err(ODD_SPACE), "{sql:?}");
        }
    }

    #[test]
    fn what_has_no_end_is_an_error() {
        for sql in ["'a", "\"a", "`a", "/* a", "/* /* */", "$$ a", "$a$ $$", "E'a\\'"] {
            assert!(tokens(sql).is_err(), "{sql:?}");
        }
    }
}
