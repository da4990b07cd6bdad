//! How the bank says that it did not.

use annals::aggregates::ExecuteError;

use crate::domain::AccountRefusal;

/// Why the bank did not do it: the account refused, others came first, or a machine failed.
pub type BankError = ExecuteError<AccountRefusal>;
