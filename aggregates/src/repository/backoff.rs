//! Pauses between attempts: random, so that writers who met once do not meet again, and short, since what
//! they wait for is one append of another.

use std::time::Duration;

/// The longest pause, in milliseconds.
const PAUSE_MILLIS_MAX: u64 = 64;

/// Waits before a further attempt; `lost` counts the attempts before it. The second one comes at once.
pub(crate) async fn pause(lost: u32) {
    let millis = fastrand::u64(0..=longest_millis(lost));
    if millis > 0 {
        tokio::time::sleep(Duration::from_millis(millis)).await;
    }
}

/// Returns how long the pause is at most: 0, then 1, 2, 4, … up to [`PAUSE_MILLIS_MAX`].
fn longest_millis(lost: u32) -> u64 {
    match lost {
        0 | 1 => 0,
        more => 1_u64.checked_shl(more - 2).unwrap_or(PAUSE_MILLIS_MAX).min(PAUSE_MILLIS_MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repository::EXECUTE_ATTEMPTS_DEFAULT;

    #[test]
    fn pauses_double_up_to_the_longest_and_stay_there() {
        let longest: Vec<_> = (1..=9).map(longest_millis).collect();
        assert_eq!(longest, [0, 1, 2, 4, 8, 16, 32, 64, 64]);
        assert_eq!(longest_millis(u32::MAX), PAUSE_MILLIS_MAX);
    }

    #[test]
    fn all_pauses_of_one_command_add_up_to_what_its_documentation_says() {
        assert_eq!((1..EXECUTE_ATTEMPTS_DEFAULT).map(longest_millis).sum::<u64>(), 191);
    }
}
