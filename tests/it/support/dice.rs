//! Numbers by chance, the same for the same seed.

use std::time::Duration;

/// A die of any number of faces.
#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        // Neighbouring seeds must not begin alike, and nought would stay nought.
        Self(seed.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// Another die, thrown by chance.
    pub(crate) fn fork(&mut self) -> Self {
        Self::new(self.roll(u64::MAX))
    }

    /// A number from 0 up to but not including `faces`.
    pub(crate) fn roll(&mut self, faces: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % faces
    }

    /// Holds whatever is open for up to so many milliseconds; every third time not at all.
    pub(crate) async fn hold(&mut self, milliseconds: u64) {
        if self.roll(3) > 0 {
            tokio::time::sleep(Duration::from_micros(self.roll(milliseconds * 1000))).await;
        }
    }
}
