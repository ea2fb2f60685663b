//! Texts and bytes of one column, gathered without a look at each value: that they are UTF-8 is checked for all of
//! them at once, when the batch is full.

use std::sync::Arc;

use arrow::array::{ArrayRef, BinaryArray, NullBufferBuilder, StringArray};
use arrow::buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};

use crate::stream::BATCH_BYTES;

/// The values of one column so far.
pub(super) struct Texts {
    bytes: Vec<u8>,
    /// Where each value ends; the first is the beginning.
    ends: Vec<i32>,
    nulls: NullBufferBuilder,
}

impl Texts {
    pub(super) fn new() -> Self {
        Self { bytes: Vec::new(), ends: vec![0], nulls: NullBufferBuilder::new(0) }
    }

    /// Adds a value. A batch ends long before its bytes exceed what an offset can say.
    #[inline]
    pub(super) fn append(&mut self, value: &[u8]) {
        self.bytes.extend_from_slice(value);
        self.end();
        self.nulls.append_non_null();
    }

    #[inline]
    pub(super) fn append_null(&mut self) {
        self.end();
        self.nulls.append_null();
    }

    #[inline]
    fn end(&mut self) {
        // Beyond the bound the offsets stop growing, and building the array fails instead of lying.
        self.ends.push(i32::try_from(self.bytes.len()).unwrap_or(i32::MAX));
    }

    /// The values so far, about as many of which are expected next.
    fn taken(&mut self) -> (OffsetBuffer<i32>, Buffer, Option<NullBuffer>) {
        let next = Self {
            bytes: Vec::with_capacity(self.bytes.len().min(BATCH_BYTES)),
            ends: Vec::with_capacity(self.ends.len()),
            nulls: NullBufferBuilder::new(0),
        };
        let mut full = std::mem::replace(self, next);
        self.ends.push(0);
        let ends = OffsetBuffer::new(ScalarBuffer::from(full.ends));
        (ends, Buffer::from_vec(full.bytes), full.nulls.finish())
    }

    pub(super) fn binary(&mut self) -> Result<ArrayRef, arrow::error::ArrowError> {
        let (ends, bytes, nulls) = self.taken();
        Ok(Arc::new(BinaryArray::try_new(ends, bytes, nulls)?))
    }

    /// The texts, or the first one that is not UTF-8.
    pub(super) fn text(&mut self) -> Result<ArrayRef, Vec<u8>> {
        let (ends, bytes, nulls) = self.taken();
        match StringArray::try_new(ends.clone(), bytes.clone(), nulls) {
            Ok(texts) => Ok(Arc::new(texts)),
            Err(_) => {
                for pair in ends.windows(2) {
                    let range = usize::try_from(pair[0]).unwrap_or(0)..usize::try_from(pair[1]).unwrap_or(0);
                    let value = bytes.as_slice().get(range).unwrap_or_default();
                    if std::str::from_utf8(value).is_err() {
                        return Err(value.to_vec());
                    }
                }
                Err(Vec::new())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::AsArray;

    use super::*;

    #[test]
    fn what_is_not_utf_8_is_found() {
        let mut texts = Texts::new();
        texts.append("é".as_bytes());
        texts.append_null();
        texts.append(b"");
        let array = texts.text().unwrap();
        let found: Vec<Option<&str>> = array.as_string::<i32>().iter().collect();
        assert_eq!(found, [Some("é"), None, Some("")]);
        texts.append(b"good");
        texts.append(b"ba\xffd");
        assert_eq!(texts.text().unwrap_err(), b"ba\xffd");
        // Two halves that are one character together are none apart.
        texts.append(&[0xc3]);
        texts.append(&[0xa9]);
        assert_eq!(texts.text().unwrap_err(), [0xc3]);
        texts.append(b"next");
        assert_eq!(texts.binary().unwrap().len(), 1);
    }
}
