//! The parts of a payload. Every length is checked against what is there.

/// What is left of a payload.
pub(super) struct Payload<'a> {
    rest: &'a [u8],
}

impl<'a> Payload<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(super) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(taken)
    }

    pub(super) fn fixed<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk::<N>()?;
        self.rest = rest;
        Some(*taken)
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.fixed::<1>().map(|[byte]| byte)
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.fixed().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.fixed().map(u32::from_le_bytes)
    }

    /// A number of one to nine bytes; 0xFB and 0xFF begin none.
    #[inline]
    pub(super) fn number(&mut self) -> Option<u64> {
        match self.u8()? {
            small @ 0..=0xfa => Some(u64::from(small)),
            0xfc => self.u16().map(u64::from),
            0xfd => self.fixed::<3>().map(|[a, b, c]| u64::from(u32::from_le_bytes([a, b, c, 0]))),
            0xfe => self.fixed().map(u64::from_le_bytes),
            _ => None,
        }
    }

    /// Bytes with their length before them.
    #[inline]
    pub(super) fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.number()?;
        self.take(usize::try_from(length).ok()?)
    }

    /// A value of a text row; the inner `None` is NULL.
    pub(super) fn value(&mut self) -> Option<Option<&'a [u8]>> {
        if let Some((0xfb, rest)) = self.rest.split_first() {
            self.rest = rest;
            return Some(None);
        }
        self.bytes().map(Some)
    }

    /// Bytes up to a zero, which is left out.
    pub(super) fn zero_ended(&mut self) -> Option<&'a [u8]> {
        let end = self.rest.iter().position(|byte| *byte == 0)?;
        let taken = &self.rest[..end];
        self.rest = &self.rest[end + 1..];
        Some(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_one_to_nine_bytes() {
        let check = |bytes: &[u8], expected: Option<u64>| assert_eq!(Payload::new(bytes).number(), expected);
        check(&[7], Some(7));
        check(&[0xfc, 1, 2], Some(0x201));
        check(&[0xfd, 1, 2, 3], Some(0x3_0201));
        check(&[0xfe, 1, 0, 0, 0, 0, 0, 0, 0x80], Some((1 << 63) + 1));
        check(&[0xfe, 1, 0], None);
        check(&[0xfb], None);
        check(&[0xff], None);
        check(&[], None);
    }

    #[test]
    fn a_length_beyond_the_end_gives_nothing() {
        assert_eq!(Payload::new(&[3, 1, 2]).bytes(), None);
        assert_eq!(Payload::new(&[0xfe, 255, 255, 255, 255, 255, 255, 255, 255]).bytes(), None);
        assert_eq!(Payload::new(&[2, 1, 2, 3]).bytes(), Some(&[1, 2][..]));
        assert_eq!(Payload::new(&[0xfb]).value(), Some(None));
        assert_eq!(Payload::new(b"ab").zero_ended(), None);
    }
}
