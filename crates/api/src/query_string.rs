//! Parameters after the question mark. What cannot be read is a 400 that names the parameter;
//! parameters nobody knows are ignored.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use forebay_core::error::{Error, Result};

use super::problem::Problem;
use super::whole::Whole;

/// The query's parameters.
pub(crate) struct Query<T>(pub(crate) T);

/// What can be read from a query.
pub(crate) trait FromQuery: Sized {
    fn from_query(pairs: &Pairs) -> Result<Self>;
}

/// Names and values as they came, decoded.
pub(crate) struct Pairs(Vec<(String, String)>);

impl Pairs {
    /// Every value of a parameter that may repeat; an empty one is none.
    pub(crate) fn all<'pairs>(&'pairs self, name: &'pairs str) -> impl Iterator<Item = &'pairs str> {
        let values = self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str());
        values.filter(|value| !value.is_empty())
    }

    /// A parameter that comes once; an empty one is as good as none.
    pub(crate) fn text(&self, name: &str) -> Result<Option<&str>> {
        let mut values = self.0.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str());
        let value = values.next().filter(|value| !value.is_empty());
        match values.next() {
            None => Ok(value),
            Some(_) => Err(Error::invalid(name, "comes more than once; send it once")),
        }
    }

    /// A parameter that is true or false, in any case.
    pub(crate) fn flag(&self, name: &str) -> Result<Option<bool>> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        match text {
            _ if text.eq_ignore_ascii_case("true") => Ok(Some(true)),
            _ if text.eq_ignore_ascii_case("false") => Ok(Some(false)),
            _ => Err(Error::invalid(name, format!("must be true or false, not `{text}`"))),
        }
    }

    /// A parameter that is a whole number.
    pub(crate) fn number<const LEAST: u32, const MOST: u32>(
        &self,
        name: &str,
    ) -> Result<Option<Whole<LEAST, MOST>>> {
        self.text(name)?.map(|text| Whole::parse(name, text)).transpose()
    }
}

impl<T: FromQuery, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let pairs = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(&parts.uri);
        let pairs = pairs.map_err(|error| Error::invalid("query", error.body_text()))?;
        Ok(Self(T::from_query(&Pairs(pairs.0))?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(query: &str) -> Pairs {
        let uri = format!("/x?{query}").parse().unwrap();
        Pairs(axum::extract::Query::try_from_uri(&uri).unwrap().0)
    }

    #[test]
    fn parameters_are_decoded_and_may_repeat() {
        let pairs = pairs("level=A&level=&level=B&name=a%20b+c&empty=&n=7&yes=True&no=false");
        assert_eq!((pairs.flag("yes").unwrap(), pairs.flag("no").unwrap()), (Some(true), Some(false)));
        assert!(pairs.flag("n").unwrap_err().to_string().starts_with("n: must be true or false"));
        assert_eq!(pairs.all("level").collect::<Vec<_>>(), ["A", "B"]);
        assert_eq!(pairs.text("name").unwrap(), Some("a b c"));
        assert_eq!(pairs.text("empty").unwrap(), None);
        assert_eq!(pairs.number::<0, 9>("n").unwrap().map(Whole::get), Some(7));
        assert_eq!(pairs.number::<0, 9>("empty").unwrap(), None);
    }

    #[test]
    fn an_error_names_the_parameter() {
        let pairs = pairs("limit=ten&page=-1&mode=FULL&mode=DELTA");
        for name in ["limit", "page"] {
            assert!(pairs.number::<0, 9>(name).unwrap_err().to_string().starts_with(name));
        }
        assert!(pairs.text("mode").unwrap_err().to_string().starts_with("mode: comes more than once"));
    }
}
