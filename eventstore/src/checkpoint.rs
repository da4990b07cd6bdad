//! Checkpoints: how far a consumer has come.

use uuid::Uuid;

use crate::cursor::Cursor;
use crate::event_id::EventId;
use crate::position::GlobalPosition;

/// Which log a position belongs to. A log that was restored or failed over gets a new lineage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Lineage(pub Uuid);

/// How far a consumer has come in one log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log the position belongs to.
    pub lineage: Lineage,
    /// Everything up to here is done.
    pub position: GlobalPosition,
    /// The event that stands there, if it is known.
    pub event_id: Option<EventId>,
}

impl Checkpoint {
    /// Returns where reading goes on.
    pub fn cursor(&self) -> Cursor {
        Cursor { position: self.position, event_id: self.event_id }
    }
}

/// One slot of a consumer: events are dealt to slots by a key, and each slot has its own checkpoint.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Partition(pub u16);

/// FNV-1a over 64 bits.
const HASH_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const HASH_PRIME: u64 = 0x0000_0100_0000_01b3;

impl Partition {
    /// Deals a key to one of so many slots: the FNV-1a hash of its UTF-8 bytes, 64 bits wide, modulo their number.
    ///
    /// The same on every machine and for ever: a slot of twice as many takes its keys from one slot of before.
    ///
    /// # Panics
    ///
    /// With no slots at all.
    ///
    /// # Examples
    ///
    /// ```
    /// # use annals_eventstore::Partition;
    /// assert_eq!(Partition::of_key("account-7", 1), Partition(0));
    /// assert_eq!(Partition::of_key("account-7", 16).0 % 8, Partition::of_key("account-7", 8).0);
    /// ```
    pub fn of_key(key: &str, partitions: u16) -> Self {
        let hash =
            key.bytes().fold(HASH_BASIS, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(HASH_PRIME));
        Self(u16::try_from(hash % u64::from(partitions)).expect("a remainder is smaller than its divisor"))
    }
}

/// The right to move a checkpoint: a number that rises with each owner, so that an old owner is refused.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeaseEpoch(pub i64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_dealt_by_a_hash_that_is_known_to_others() {
        // Published vectors of FNV-1a, 64 bits.
        for (key, hash) in [("", HASH_BASIS), ("a", 0xaf63_dc4c_8601_ec8c), ("foobar", 0x8594_4171_f739_67e8)]
        {
            let expected = u16::try_from(hash % 4096).unwrap();
            assert_eq!(Partition::of_key(key, 4096), Partition(expected), "{key}");
        }
    }

    #[test]
    fn keys_are_dealt_evenly() {
        let mut dealt = [0; 16];
        for n in 0..16_000 {
            dealt[usize::from(Partition::of_key(&format!("account-{n}"), 16).0)] += 1;
        }
        assert!(dealt.iter().all(|keys| (800..1200).contains(keys)), "{dealt:?}");
    }
}
