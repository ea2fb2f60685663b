//! Choices that a seed repeats.

/// SplitMix64: plenty for moments and places.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    /// The choices of one round of one fault.
    pub(crate) fn of(seed: u64, fault: &str, round: usize) -> Self {
        let mut mixed = Self(seed ^ (round as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        for byte in fault.bytes() {
            mixed.0 = mixed.next() ^ u64::from(byte);
        }
        mixed
    }

    /// Another seed every time.
    pub(crate) fn fresh_seed() -> u64 {
        use std::hash::{BuildHasher, Hasher};
        std::collections::hash_map::RandomState::new().build_hasher().finish() % 1_000_000_000
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }

    /// A part of `whole`, between none and all of it.
    pub(crate) fn part_of(&mut self, whole: std::time::Duration) -> std::time::Duration {
        whole.mul_f64(self.below(10_000) as f64 / 10_000.0)
    }
}
