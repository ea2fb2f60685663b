//! Whole numbers of a query. The document and the reader have the bounds from one type, so they cannot differ.

use forebay_core::error::{Error, Result};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::{Number, PartialSchema, ToSchema};

/// A whole number from `LEAST` to `MOST`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Whole<const LEAST: u32, const MOST: u32>(u32);

/// The number of a page, from 0 to the largest that every client can hold.
pub(crate) type PageNumber = Whole<0, { i32::MAX.unsigned_abs() }>;

impl<const LEAST: u32, const MOST: u32> Whole<LEAST, MOST> {
    /// # Errors
    /// `Invalid`, which names the field and the bounds.
    pub(crate) fn parse(field: &str, text: &str) -> Result<Self> {
        // A sign is no digit: `+1` is a number to the standard library.
        let is_digits = text.bytes().all(|letter| letter.is_ascii_digit());
        match text.parse() {
            Ok(number) if is_digits && (LEAST..=MOST).contains(&number) => Ok(Self(number)),
            _ => {
                let reason = format!("must be a whole number from {LEAST} to {MOST}, not `{text}`");
                Err(Error::invalid(field, reason))
            }
        }
    }

    pub(crate) const fn get(self) -> u32 {
        self.0
    }
}

impl<const LEAST: u32, const MOST: u32> PartialSchema for Whole<LEAST, MOST> {
    fn schema() -> RefOr<Schema> {
        let bound = |number| Some(Number::UInt(number as usize));
        let object = ObjectBuilder::new()
            .schema_type(Type::Integer)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int32)))
            .minimum(bound(LEAST))
            .maximum(bound(MOST));
        object.build().into()
    }
}

impl<const LEAST: u32, const MOST: u32> ToSchema for Whole<LEAST, MOST> {}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_bounds_of_the_document_are_those_that_are_checked() {
        let schema = json!(Whole::<1, 1000>::schema());
        assert_eq!(
            (&schema["minimum"], &schema["maximum"], &schema["type"]),
            (&json!(1), &json!(1000), &json!("integer"))
        );
        for (text, expected) in
            [("1", Some(1)), ("1000", Some(1000)), ("007", Some(7)), ("0", None), ("1001", None)]
        {
            assert_eq!(Whole::<1, 1000>::parse("limit", text).ok().map(Whole::get), expected, "{text}");
        }
        for text in ["", "-1", "+1", "1.0", " 1", "ten", "99999999999999999999"] {
            let refused = Whole::<1, 1000>::parse("limit", text).unwrap_err().to_string();
            assert_eq!(refused, format!("limit: must be a whole number from 1 to 1000, not `{text}`"));
        }
        assert_eq!(PageNumber::parse("page", "2147483647").map(Whole::get).ok(), Some(2_147_483_647));
        assert!(PageNumber::parse("page", "2147483648").is_err());
    }
}
