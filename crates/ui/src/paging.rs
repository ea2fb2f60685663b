//! Lists that are searched by a text and shown page by page.

use serde::Deserialize;

/// The rows on one page.
const PAGE: usize = 50;

/// What is asked of a list: a text, and the number of a page from 0 on.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Asked {
    q: Option<String>,
    page: Option<usize>,
}

impl Asked {
    /// As a form has it that leads back to the list.
    pub(super) fn of(text: Option<&str>, page: Option<&str>) -> Self {
        Self { q: text.map(str::to_owned), page: page.and_then(|page| page.parse().ok()) }
    }

    pub(super) fn text(&self) -> &str {
        self.q.as_deref().unwrap_or_default().trim()
    }

    /// Whether something is meant: by a part of one of its names, in small or large letters, or by its id.
    pub(super) fn finds(&self, names: &[&str], id: &str) -> bool {
        let wanted = self.text().to_lowercase();
        wanted == id || names.iter().any(|name| name.to_lowercase().contains(&wanted))
    }

    /// The address of the list at a place.
    pub(super) fn address(&self, place: &str) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        if !self.text().is_empty() {
            query.append_pair("q", self.text());
        }
        if let Some(page) = self.page.filter(|page| *page > 0) {
            query.append_pair("page", &page.to_string());
        }
        match query.finish() {
            query if query.is_empty() => place.to_owned(),
            query => format!("{place}?{query}"),
        }
    }
}

/// What stands around the rows of a page.
pub(super) struct Around {
    /// The address of the list, without what is asked of it.
    pub(super) place: String,
    pub(super) text: String,
    /// The number of this page.
    pub(super) page: usize,
    /// How many were found, with those on other pages.
    pub(super) found: usize,
    /// The addresses of the pages before and after this one.
    pub(super) before: Option<String>,
    pub(super) after: Option<String>,
}

/// The rows of the page that is asked for, of all that were found.
pub(super) fn page_of<T>(found: Vec<T>, asked: &Asked, place: &str) -> (Vec<T>, Around) {
    let page = asked.page.unwrap_or(0);
    let at = |page: usize| Asked { page: Some(page), ..asked.clone() }.address(place);
    let has_more = page.saturating_add(1).saturating_mul(PAGE) < found.len();
    let around = Around {
        place: place.to_owned(),
        text: asked.text().to_owned(),
        page,
        found: found.len(),
        before: page.checked_sub(1).map(at),
        after: has_more.then(|| at(page + 1)),
    };
    (found.into_iter().skip(page.saturating_mul(PAGE)).take(PAGE).collect(), around)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(text: &str, page: usize) -> Asked {
        Asked { q: Some(text.to_owned()), page: Some(page) }
    }

    #[test]
    fn a_list_is_cut_into_pages() {
        let check = |page: usize, rows: usize, before: Option<&str>, after: Option<&str>| {
            let (found, around) = page_of((0..120).collect(), &asked(" a&b ", page), "/list");
            assert_eq!((found.len(), around.found), (rows, 120), "{page}");
            assert_eq!((around.before.as_deref(), around.after.as_deref()), (before, after), "{page}");
            assert_eq!(around.text, "a&b");
        };
        check(0, 50, None, Some("/list?q=a%26b&page=1"));
        check(1, 50, Some("/list?q=a%26b"), Some("/list?q=a%26b&page=2"));
        check(2, 20, Some("/list?q=a%26b&page=1"), None);
        check(usize::MAX, 0, Some(&format!("/list?q=a%26b&page={}", usize::MAX - 1)), None);
        let (found, around) = page_of((0..50).collect(), &Asked::default(), "/list");
        assert_eq!((found.len(), around.before, around.after), (50, None, None));
    }

    #[test]
    fn a_list_is_searched_by_parts_of_names_and_whole_ids() {
        let check = |text: &str, expected: bool| {
            assert_eq!(asked(text, 0).finds(&["Ärzte", "a@example.org"], "id-1"), expected, "{text}");
        };
        check("", true);
        check(" ÄR ", true);
        check("EXAMPLE", true);
        check("id-1", true);
        check("id-", false);
        check("other", false);
    }

    #[test]
    fn an_address_leads_back_to_where_somebody_was() {
        let check = |text: Option<&str>, page: Option<&str>, expected: &str| {
            assert_eq!(Asked::of(text, page).address("/list"), expected);
        };
        check(None, None, "/list");
        check(Some(""), Some("0"), "/list");
        check(Some("Ada L."), Some("3"), "/list?q=Ada+L.&page=3");
        check(None, Some("x"), "/list");
    }
}
