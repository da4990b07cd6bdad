//! The difference of two lists, one item a line.

use std::fmt::{Debug, Write};

/// Writes what only `expected` holds after `-`, what only `actual` holds after `+`, and what both begin or
/// end with after a space.
pub(super) fn difference<T: Debug>(expected: &[T], actual: &[T]) -> String {
    let expected: Vec<_> = expected.iter().map(|item| format!("{item:?}")).collect();
    let actual: Vec<_> = actual.iter().map(|item| format!("{item:?}")).collect();
    let shorter = expected.len().min(actual.len());
    let head = expected.iter().zip(&actual).take_while(|(one, other)| one == other).count();
    let same_from_the_end = expected.iter().rev().zip(actual.iter().rev());
    let tail = same_from_the_end.take(shorter - head).take_while(|(one, other)| one == other).count();

    let mut text = String::new();
    lines(&mut text, ' ', &expected[..head]);
    lines(&mut text, '-', &expected[head..expected.len() - tail]);
    lines(&mut text, '+', &actual[head..actual.len() - tail]);
    lines(&mut text, ' ', &expected[expected.len() - tail..]);
    if actual.is_empty() {
        text.push_str("  (nothing was decided)\n");
    }
    text
}

fn lines(text: &mut String, sign: char, items: &[String]) {
    for item in items {
        writeln!(text, "  {sign} {item}").expect("a string takes all text");
    }
}

#[cfg(test)]
mod tests {
    use super::difference;

    #[test]
    fn only_what_differs_is_marked() {
        assert_eq!(difference(&[1, 2, 3, 4], &[1, 5, 4]), "    1\n  - 2\n  - 3\n  + 5\n    4\n");
    }

    #[test]
    fn an_item_that_stands_twice_is_not_counted_for_both_ends() {
        assert_eq!(difference(&[1, 1], &[1]), "    1\n  - 1\n");
        assert_eq!(difference(&[1], &[1, 1]), "    1\n  + 1\n");
    }

    #[test]
    fn an_empty_list_is_named() {
        assert_eq!(difference(&[1], &[]), "  - 1\n  (nothing was decided)\n");
    }
}
