//! An append in a caller's transaction: what every kind of append shares there.
//!
//! Guarantees
//! - a transaction that the server has ended, or whose connection is lost, is said to have written nothing;
//! - behind a pooler the transaction has a limit for doing nothing from its first append on, unless it had one.

use std::future::Future;

use tokio_postgres::Transaction;

use super::fault::uncommitted;
use super::send::Manner;
use crate::append::AppendError;

/// Appends in a caller's transaction. Behind a pooler the limit is set in the same round trip; elsewhere the
/// connections of the pool have it, and other ones have their own.
pub(super) async fn append_within<T>(
    manner: Manner,
    transaction: &Transaction<'_>,
    append: impl Future<Output = Result<T, AppendError>>,
) -> Result<T, AppendError> {
    let limit = match manner {
        Manner::Pooled(limit) => limit.for_transaction(),
        Manner::Prepared => None,
    };
    let appended = match limit {
        // Where the first one fails the transaction is aborted, and so says the second.
        Some(limit) => tokio::join!(biased; transaction.batch_execute(&limit), append).1,
        None => append.await,
    };
    appended.map_err(uncommitted)
}
