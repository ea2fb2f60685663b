//! Finds the places of `<%=…%>` in SQL, and whether they stand in a comment or in double quotes.

/// What a place stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Within {
    Code,
    /// A text in single quotes.
    Text,
    /// A text in single quotes in which a backslash hides the next character: `E'…'`.
    EscapedText,
    /// A text in dollar quotes.
    DollarText,
    /// A name in double quotes.
    Name,
    LineComment,
    BlockComment,
}

impl Within {
    pub(crate) fn is_comment(self) -> bool {
        matches!(self, Self::LineComment | Self::BlockComment)
    }
}

/// A piece of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    Plain(&'a str),
    /// `<%=name%>`; `name` is what stands between, without spaces at the ends, and `None` when
    /// there is no end.
    Place {
        whole: &'a str,
        name: Option<&'a str>,
        at: usize,
        within: Within,
    },
}

/// Cuts a text into its pieces. Together they are the text.
pub(crate) fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut scanner = Scanner { text, at: 0, within: Within::Code, depth: 0, tag: "" };
    let mut pieces = Vec::new();
    let mut plain = 0;
    while scanner.at < text.len() {
        let at = scanner.at;
        let rest = scanner.rest();
        if !rest.starts_with("<%=") {
            scanner.step();
            continue;
        }
        if plain < at {
            pieces.push(Piece::Plain(&text[plain..at]));
        }
        // A place is on one line and holds no other place.
        let close = rest
            .find("%>")
            .filter(|close| !rest[3..*close].contains("<%") && !rest[3..*close].contains('\n'));
        let whole = close.map_or(&rest[..3], |close| &rest[..close + 2]);
        let name = close.map(|close| rest[3..close].trim());
        pieces.push(Piece::Place { whole, name, at, within: scanner.within });
        scanner.at += whole.len();
        plain = scanner.at;
    }
    if plain < text.len() {
        pieces.push(Piece::Plain(&text[plain..]));
    }
    pieces
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
    within: Within,
    /// How deep block comments are nested.
    depth: u32,
    /// What ends a text in dollar quotes.
    tag: &'a str,
}

impl<'a> Scanner<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// Goes on by one character, or by one mark of more.
    fn step(&mut self) {
        let rest = self.rest();
        let mut length = rest.chars().next().map_or(1, char::len_utf8);
        match self.within {
            Within::Code => {
                if rest.starts_with("--") {
                    self.within = Within::LineComment;
                } else if rest.starts_with("/*") {
                    (self.within, self.depth, length) = (Within::BlockComment, 1, 2);
                } else if rest.starts_with('"') {
                    self.within = Within::Name;
                } else if rest.starts_with('\'') {
                    let escapes = self.after_escape_mark();
                    self.within = if escapes { Within::EscapedText } else { Within::Text };
                } else if let Some(tag) = self.dollar_tag() {
                    length = tag.len();
                    (self.within, self.tag) = (Within::DollarText, tag);
                }
            }
            // Two quotes in a row end and begin again, which comes to the same.
            Within::Name if rest.starts_with('"') => self.within = Within::Code,
            Within::Text if rest.starts_with('\'') => self.within = Within::Code,
            Within::EscapedText if rest.starts_with('\\') => {
                length += rest[1..].chars().next().map_or(0, char::len_utf8);
            }
            Within::EscapedText if rest.starts_with("''") => length = 2,
            Within::EscapedText if rest.starts_with('\'') => self.within = Within::Code,
            Within::DollarText if rest.starts_with(self.tag) => {
                self.within = Within::Code;
                length = self.tag.len();
            }
            Within::LineComment if rest.starts_with('\n') => self.within = Within::Code,
            Within::BlockComment if rest.starts_with("/*") => (self.depth, length) = (self.depth + 1, 2),
            Within::BlockComment if rest.starts_with("*/") => {
                (self.depth, length) = (self.depth - 1, 2);
                if self.depth == 0 {
                    self.within = Within::Code;
                }
            }
            Within::Name
            | Within::Text
            | Within::EscapedText
            | Within::DollarText
            | Within::LineComment
            | Within::BlockComment => {}
        }
        self.at += length;
    }

    /// Whether the quote here belongs to `E'…'`.
    fn after_escape_mark(&self) -> bool {
        let mut before = self.text[..self.at].chars().rev();
        matches!(before.next(), Some('e' | 'E')) && !before.next().is_some_and(is_word)
    }

    /// `$$` or `$tag$` when it begins a text here.
    fn dollar_tag(&self) -> Option<&'a str> {
        let inner = self.rest().strip_prefix('$')?;
        if self.text[..self.at].chars().next_back().is_some_and(is_word) {
            return None;
        }
        let length = inner.find('$')?;
        let tag = &inner[..length];
        let good = tag.chars().all(is_word) && !tag.starts_with(|first: char| first.is_ascii_digit());
        good.then(|| &self.rest()[..length + 2])
    }
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_found_with_what_they_stand_in() {
        for (text, expected) in [
            ("a <%=x%>", Within::Code),
            ("'a' || <%=x%>", Within::Code),
            ("'it''s <%=x%>'", Within::Text),
            ("E'it\\'s <%=x%>'", Within::EscapedText),
            ("E'it''s <%=x%>'", Within::EscapedText),
            ("'\\' <%=x%>", Within::Code),
            ("$$ ' <%=x%> $$", Within::DollarText),
            ("$a$ $$ <%=x%> $a$", Within::DollarText),
            ("$1 <%=x%>", Within::Code),
            ("\"a\"\"<%=x%>\"", Within::Name),
            ("-- '\n<%=x%>", Within::Code),
            ("-- ' <%=x%>", Within::LineComment),
            ("/* /* */ ' <%=x%> */", Within::BlockComment),
            ("/* ' */ <%=x%>", Within::Code),
            ("'ä' -- ü\n, <%=x%>", Within::Code),
        ] {
            let found = pieces(text);
            let within = found.iter().find_map(|piece| match piece {
                Piece::Place { within, .. } => Some(*within),
                Piece::Plain(_) => None,
            });
            assert_eq!(within, Some(expected), "{text:?}");
            let joined: String = found
                .iter()
                .map(|piece| match piece {
                    Piece::Plain(text) => text,
                    Piece::Place { whole, .. } => whole,
                })
                .copied()
                .collect();
            assert_eq!(joined, text);
        }
    }
}
