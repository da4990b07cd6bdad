//! Texts that are numbers, as JSON writes them.

use std::str::FromStr;

/// The most digits that a `numeric` has in front of its point.
const WHOLE_DIGITS_MAX: i64 = 131_072;

/// The most digits that it has behind.
const SCALE_MAX: i64 = 16_383;

/// A number in its parts: `12`, `50` and `-3` of `-12.50e-3`.
struct Parts<'t> {
    whole: &'t str,
    fraction: &'t str,
    exponent: i64,
}

/// Tells whether a text is a whole number, written without point or exponent, in the range of a type.
pub(super) fn is_integer<T: FromStr>(text: &str) -> bool {
    parts(text).is_some() && text.parse::<T>().is_ok()
}

/// Tells whether a text is a number that a `numeric` holds.
pub(super) fn is_decimal(text: &str) -> bool {
    let Some(Parts { whole, fraction, exponent }) = parts(text) else { return false };
    let length = |digits: &str| i64::try_from(digits.len()).unwrap_or(i64::MAX);
    let whole_digits = length(whole).saturating_add(exponent);
    let scale = length(fraction).saturating_sub(exponent);
    whole_digits <= WHOLE_DIGITS_MAX && scale <= SCALE_MAX
}

/// Tells whether a text is a number in the range of a floating-point type: it neither overflows nor vanishes.
pub(super) fn is_float<T: FromStr + Into<f64>>(text: &str) -> bool {
    let Some(Parts { whole, fraction, .. }) = parts(text) else { return false };
    let is_zero = whole.bytes().chain(fraction.bytes()).all(|digit| digit == b'0');
    let value = text.parse::<T>().map(Into::into).unwrap_or(f64::NAN);
    value.is_finite() && (value != 0.0 || is_zero)
}

fn parts(text: &str) -> Option<Parts<'_>> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = match digits.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent_of(exponent)?),
        None => (digits, 0),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let is_well_formed = are_digits(whole) && fraction.is_none_or(are_digits);
    is_well_formed.then(|| Parts { whole, fraction: fraction.unwrap_or_default(), exponent })
}

fn exponent_of(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if !are_digits(digits) {
        return None;
    }
    // Whatever is beyond this is beyond every type as well.
    let size = digits.parse().unwrap_or(i64::MAX / 4).min(i64::MAX / 4);
    Some(if text.starts_with('-') { -size } else { size })
}

fn are_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}
