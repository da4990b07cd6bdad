//! The append of several decisions, with their keys and claims.

use crate::append::{AppendError, Appended};
use crate::append_many::{AppendMany, AppendedMany, StreamAppend};
use crate::content_hash::content_of;
use crate::decisions::{AppendDecisions, AppendedDecisions, Decision, KeyUsed};
use crate::idempotency::Fingerprint;
use crate::memory::append::{check_events, check_versions, receipt_of_repetition, store};
use crate::memory::claims;
use crate::memory::keys::find;
use crate::memory::log::{KeyUse, Log};
use crate::stream::StreamName;
use crate::version::Version;

pub(super) fn append_decisions(
    log: &mut Log,
    append: AppendDecisions,
) -> Result<AppendedDecisions, AppendError> {
    let append = append.checked()?;
    check_events(append.events())?;
    let fingerprints: Vec<_> =
        append.decisions.iter().map(|part| fingerprint(&append.stream, part)).collect();
    let whole = [StreamAppend {
        stream: append.stream.clone(),
        expected: append.expected.into(),
        events: append.events().cloned().collect(),
    }];
    if check_versions(log, &whole).is_err()
        && let Some(first_result) = receipt_of_repetition(log, &whole)
    {
        let before = first_result.streams[0].appended;
        return Ok(AppendedDecisions::Stored(receipts(log, &append, before, true)));
    }
    let used = keys_used(log, &append.decisions, &fingerprints);
    if !used.is_empty() {
        return Ok(AppendedDecisions::UsedBefore(used));
    }
    check_claims(log, &append)?;
    let all = AppendMany { streams: whole.into(), ..AppendMany::new() };
    let stored = store(log, all, Fingerprint::of(""), false)?.streams[0].appended;
    let receipts = receipts(log, &append, stored, false);
    keep(log, &append, &fingerprints, &receipts);
    Ok(AppendedDecisions::Stored(receipts))
}

fn fingerprint(stream: &StreamName, decision: &Decision) -> Fingerprint {
    decision.fingerprint.unwrap_or_else(|| content_of(stream, &decision.events))
}

fn keys_used(log: &Log, decisions: &[Decision], fingerprints: &[Fingerprint]) -> Vec<(usize, KeyUsed)> {
    let keyed = decisions.iter().zip(fingerprints).enumerate();
    let keyed = keyed.filter_map(|(index, (part, print))| Some((index, part.key?, *print)));
    let used = keyed.filter_map(|(index, key, fingerprint)| {
        let used = match find(log, key, Some(fingerprint)) {
            Ok(found) => KeyUsed::Applied(found?),
            Err(AppendError::KeyCancelled { .. }) => KeyUsed::Cancelled,
            Err(_) => KeyUsed::Reused,
        };
        Some((index, used))
    });
    used.collect()
}

/// Refuses a claim that another stream holds.
fn check_claims(log: &Log, append: &AppendDecisions) -> Result<(), AppendError> {
    for (claim, effect) in append.claims() {
        if let Some(held) = log.claims.get(claim)
            && effect.taken
            && held.holder != append.stream
        {
            return Err(AppendError::Claimed { claim: claim.clone(), holder: held.holder.clone() });
        }
    }
    Ok(())
}

/// Divides the receipt of all events among the decisions.
fn receipts(log: &Log, append: &AppendDecisions, all: Appended, already_applied: bool) -> Vec<Appended> {
    let mut from_version = all.from_version;
    let position = |version: Version| log.streams[&append.stream].range(version, version)[0];
    let receipt = |decision: &Decision| {
        let to_version = from_version.advance(decision.events.len() as u64 - 1);
        let (from_position, to_position) = (position(from_version), position(to_version));
        let receipt = Appended { from_version, to_version, from_position, to_position, already_applied };
        from_version = to_version.next();
        receipt
    };
    append.decisions.iter().map(receipt).collect()
}

/// Keeps keys and claims of what was stored.
fn keep(log: &mut Log, append: &AppendDecisions, fingerprints: &[Fingerprint], receipts: &[Appended]) {
    for ((decision, fingerprint), appended) in append.decisions.iter().zip(fingerprints).zip(receipts) {
        let Some(key) = decision.key else { continue };
        let receipts = AppendedMany::of_one(append.stream.clone(), *appended);
        log.keys.insert(key, KeyUse::Applied { fingerprint: *fingerprint, receipts, many: false });
    }
    for (claim, effect) in append.claims() {
        if effect.held {
            claims::take(log, claim, &append.stream);
        } else {
            claims::let_go(log, claim, &append.stream);
        }
    }
}
