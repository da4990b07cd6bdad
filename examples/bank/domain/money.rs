//! Amounts of money.

use std::fmt;
use std::ops::{Add, AddAssign, SubAssign};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// An amount in cents, shown as `12.50`; in JSON it is the whole number of cents.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Money(i64);

impl Money {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// The most that one command may move. Sums of such amounts stay far below what an `i64` holds.
    pub const AMOUNT_MAX: Self = Self(100_000_000_000);

    /// Takes an amount in cents.
    pub fn from_cents(cents: i64) -> Self {
        Self(cents)
    }

    /// Returns the amount in cents.
    pub fn cents(self) -> i64 {
        self.0
    }
}

impl Add for Money {
    type Output = Self;

    fn add(self, more: Self) -> Self {
        Self(self.0 + more.0)
    }
}

impl AddAssign for Money {
    fn add_assign(&mut self, more: Self) {
        self.0 += more.0;
    }
}

impl SubAssign for Money {
    fn sub_assign(&mut self, less: Self) {
        self.0 -= less.0;
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, cents) = (if self.0 < 0 { "-" } else { "" }, self.0.unsigned_abs());
        f.pad(&format!("{sign}{}.{:02}", cents / 100, cents % 100))
    }
}

/// A text that is no amount of money.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no amount of money: write it as 12.50 or 12")]
pub struct InvalidMoney(String);

impl FromStr for Money {
    type Err = InvalidMoney;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let cents = || {
            let (sign, amount) = text.strip_prefix('-').map_or((1, text), |amount| (-1, amount));
            let (whole, cents) = amount.split_once('.').unwrap_or((amount, "00"));
            let all_digits = [whole, cents].iter().all(|part| part.bytes().all(|byte| byte.is_ascii_digit()));
            if cents.len() != 2 || !all_digits {
                return None;
            }
            let whole: i64 = whole.parse().ok()?;
            let cents: i64 = cents.parse().ok()?;
            Some(sign * whole.checked_mul(100)?.checked_add(cents)?)
        };
        cents().map(Self::from_cents).ok_or_else(|| InvalidMoney(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_read_as_it_is_shown() {
        for shown in ["0.00", "0.05", "12.50", "-0.05", "-12.50", "92233720368547758.07"] {
            assert_eq!(shown.parse::<Money>().unwrap().to_string(), shown);
        }
        assert_eq!("12".parse(), Ok(Money::from_cents(1200)));
    }

    #[test]
    fn what_might_be_misread_is_no_amount() {
        for text in [
            "",
            "-",
            ".",
            ".50",
            "12.",
            "12.5",
            "12.500",
            "1,50",
            "+1",
            "--1",
            "1.-5",
            "92233720368547758.08",
        ] {
            assert_eq!(text.parse::<Money>(), Err(InvalidMoney(text.into())), "{text:?}");
        }
    }
}
